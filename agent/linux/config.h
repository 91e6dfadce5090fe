// The agent's configuration: one JSON file, every leaf of which the environment may override
// (docs/agent-linux.md).
#pragma once

#include <map>
#include <optional>

#include "agent/linux/log.h"
#include "agent/linux/origin.h"
#include "proto/base/ids.h"
#include "proto/json/json.h"
#include "proto/wire/messages.h"

namespace godwit::agent {

/// Inputs that a component's model is run on, again and again.
struct ReplayConfig {
  std::string inputs;  // raw rows, one after another
  std::string labels;  // a byte a row; empty: none
  int64_t interval_ms = 0;
};

struct AgentConfig {
  std::string state_dir = {};
  DeviceId device;
  std::string server_url = {};
  std::string server_ca = {};
  std::string enrolment_token = {};  // or
  std::string enrolment_token_file = {};
  std::string image_root = {};
  std::string director_root = {};
  proto::DeviceFacts facts;
  Json attributes = {};
  std::map<ModelName, ReplayConfig> replay = {};
  int64_t poll_interval_ms = 1'800'000;
  int64_t report_interval_ms = 500;
  bool encrypt_at_rest = true;
  std::optional<int64_t> renew_certificate_s = {};  // so long before its end; nothing: a third
  LogLevel log_level = LogLevel::info;
};

/// Paths are relative to the file's folder. `invalid` names the key and what is wrong with it.
/// `engine_version`: what this program's engine runs, a fact that no file may claim.
auto load_config(std::string const& path, uint32_t engine_version) -> Result<AgentConfig>;

}  // namespace godwit::agent
