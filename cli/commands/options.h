// Small things that several command files share.
#pragma once

#include <ctime>
#include <memory>
#include <string>

#include "cli/client/api.h"
#include "cli/commands/program.h"

namespace godwit::cli {

inline auto now_s() -> int64_t {
  return std::time(nullptr);
}

/// A required positional argument. Its name in capitals also says what completes it
/// (completion.cpp): DEVICE, ROLLOUT, MODEL, VERSION, CONTEXT, FILTER.
template <typename T>
auto argument(CLI::App* command, std::string const& name, T& value, std::string const& description)
    -> CLI::Option* {
  return command->add_option(name, value, description)->required()->type_name("");
}

inline auto model_path(std::string const& model) -> std::string {
  return "/api/v1/models/" + escaped(model);
}
inline auto release_path(std::string const& model, std::string const& version) -> std::string {
  return model_path(model) + "/releases/" + escaped(version);
}
inline auto device_path(std::string const& device) -> std::string {
  return "/api/v1/devices/" + escaped(device);
}
inline auto rollout_path(std::string const& rollout) -> std::string {
  return "/api/v1/rollouts/" + escaped(rollout);
}

}  // namespace godwit::cli
