// Devices and named filters, as operators see and change them.
#pragma once

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;

struct DevicePatch {
  std::optional<std::vector<std::string>> tags;                  // replaces all
  std::optional<std::map<std::string, std::string>> attributes;  // replaces all
};

class Devices {
 public:
  explicit Devices(Core& core) : core_(core) {}

  auto get(DeviceId const& id) -> Result<Device>;
  /// In order of id; `query` is FIQL (docs/server.md), empty: all.
  auto list(std::string const& query, PageRequest const& page) -> Result<Page<Device>>;
  /// `if_rev`: of the Device that the caller saw; another one is a `conflict`.
  auto patch(DeviceId const& id, DevicePatch const& patch, std::optional<int64_t> if_rev)
      -> Result<Device>;
  /// Revokes: its certificate is no longer accepted, its id stays taken, its attempt is cancelled.
  auto revoke(DeviceId const& id, std::optional<int64_t> if_rev = std::nullopt) -> Result<>;
  /// Newest first.
  auto attempts(DeviceId const& id, PageRequest const& page) -> Result<Page<Attempt>>;

  auto filter(std::string const& name) -> Result<Filter>;
  auto filters(PageRequest const& page) -> Result<Page<Filter>>;
  /// Creates or replaces. `if_rev` as above; 0: must not exist.
  auto put_filter(std::string const& name, std::string const& query, std::optional<int64_t> if_rev)
      -> Result<Filter>;
  auto delete_filter(std::string const& name, std::optional<int64_t> if_rev = std::nullopt)
      -> Result<>;

 private:
  Core& core_;
};

}  // namespace godwit::server
