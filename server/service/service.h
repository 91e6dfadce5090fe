// The use cases of the server, called by HTTP, MQTT and later protocols on worker threads.
// Everything here is synchronous and thread-safe; all state is in PostgreSQL and the artifact
// store.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/result.h"

namespace godwit::server {

struct Config {
  std::string database_url;
  int connections = 4;
  std::filesystem::path data_dir;        // artifacts/ lies in here
  std::filesystem::path migrations_dir;  // empty: the migrations compiled in
  std::filesystem::path device_ca_certificate;
  std::filesystem::path device_ca_key;
  std::filesystem::path image_root;
  std::filesystem::path director_root;
  std::filesystem::path director_key;
  std::filesystem::path sealing_key;
  int64_t delta_wait_ms = 20'000;                // a rollout waits so long for its deltas
  uint64_t delta_memory_bytes_max = 2ull << 30;  // a delta that takes more to make is not made
  uint64_t delta_cache_bytes_max = 4ull << 30;   // of sealed deltas; those in use come on top
  uint64_t delta_sources = 3;       // a new release gets deltas from so many that most devices run
  int64_t hint_repeat_ms = 30'000;  // an unanswered hint is sent again
  int64_t director_lifetime_s = 3600;  // of a device's targets.json
  int64_t certificate_days = 825;
};

class ArtifactStore;
class Database;
class Releases;
class Devices;
class Rollouts;
class Enrolment;
class DeviceLink;
class Director;
class Tokens;
class Events;
class Jobs;

/// Applies the migrations only (`godwit-server migrate`).
auto migrate(Config const& config) -> Result<>;

class Service {
 public:
  /// Opens the database, applies migrations, loads and checks keys and roots.
  static auto open(Config config, Clock const& clock) -> Result<std::unique_ptr<Service>>;
  ~Service();

  auto artifacts() -> ArtifactStore&;
  auto releases() -> Releases&;
  auto devices() -> Devices&;
  auto rollouts() -> Rollouts&;
  auto enrolment() -> Enrolment&;
  auto device_link() -> DeviceLink&;
  auto director() -> Director&;
  auto tokens() -> Tokens&;
  auto events() -> Events&;
  auto jobs() -> Jobs&;
  /// Whether the database answers (`/readyz`).
  auto ready() -> Result<>;

 private:
  struct Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// `godwit-server token create`: needs only the database; applies migrations first.
auto create_first_token(Config const& config, Clock const& clock, std::string_view name,
                        std::string_view role) -> Result<std::string>;
/// The token itself is stored as a hash.
struct OperatorToken {
  std::string name;
  std::string role;
  int64_t created_at_ms = 0;
};
/// `godwit-server token list`: those that are good, oldest first.
auto list_tokens(Config const& config) -> Result<std::vector<OperatorToken>>;
/// `godwit-server token revoke`: all of that name, at once for every server. `not_found` without.
auto revoke_tokens(Config const& config, Clock const& clock, std::string_view name) -> Result<>;

}  // namespace godwit::server
