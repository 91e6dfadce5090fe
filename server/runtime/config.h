// The configuration of godwit-server: one JSON file whose every leaf the environment can override
// (docs/operations.md). Loaded once by main; unknown keys are errors, so that a typing error shows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "proto/base/result.h"

namespace godwit::server {

struct ListenerConfig {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0: any free port
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path client_ca;  // devices' listener only
};

struct MqttConfig {
  std::string host;
  uint16_t port = 8884;
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct HttpConfig {
  uint32_t idle_timeout_ms = 30'000;     // between requests, until a header is complete
  uint32_t request_timeout_ms = 30'000;  // for a JSON body, and for progress of a longer one
  uint32_t grace_ms = 10'000;            // what shutdown leaves to requests that have begun
  uint32_t connections_max = 20'000;
  uint32_t io_threads = 2;
  uint32_t workers = 8;  // threads with a database connection
};

/// How much of the machine making deltas may take.
struct DeltaConfig {
  uint32_t cpu_percent = 50;   // of one core, at a lower priority than everything else
  uint32_t memory_mib = 2048;  // for one delta; larger pairs get full releases
  uint32_t cache_mib = 4096;   // of files; those in use come on top
  uint32_t sources = 3;        // old releases that a new one gets deltas from before anybody asks
};

struct ServerConfig {
  std::string database;
  std::filesystem::path data_dir;
  std::optional<std::filesystem::path> migrations_dir;  // none: those compiled in
  ListenerConfig operators;
  ListenerConfig devices;
  MqttConfig mqtt;
  struct {
    std::filesystem::path certificate;
    std::filesystem::path key;
  } device_ca;
  struct {
    std::filesystem::path image_root;
    std::filesystem::path director_root;
    std::filesystem::path director_key;
    std::filesystem::path sealing_key;
  } trust;
  struct {
    std::string device_url;  // empty: from the devices' listener
    std::string mqtt_host;
    uint16_t mqtt_port = 8883;
  } advertise;
  std::optional<std::filesystem::path> ports_file;
  struct {
    std::string level = "info";
    bool json = false;
  } log;
  uint32_t scheduler_tick_ms = 200;
  DeltaConfig deltas;
  HttpConfig http;
};

/// What an environment variable holds, or nothing; std::getenv in programs.
using Environment = std::function<char const*(char const* name)>;

/// Relative paths are resolved against `folder`.
auto parse_config(std::string_view text, std::filesystem::path const& folder,
                  Environment const& environment) -> Result<ServerConfig>;
auto load_config(std::filesystem::path const& file, Environment const& environment)
    -> Result<ServerConfig>;

}  // namespace godwit::server
