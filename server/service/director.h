// The Director: signed targets made for one device at each fetch, and who may download blobs.
#pragma once

#include <filesystem>

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;

class Director {
 public:
  explicit Director(Core& core) : core_(core) {}

  /// Unknown and revoked devices are `denied`; to be asked at every device request.
  auto authorise(DeviceId const& device) -> Result<>;
  /// targets.json for this device: a version of its own that rises at each fetch, a short expiry,
  /// the active attempt's target with the content key wrapped to the device, and a delta if one is
  /// ready. Without an attempt the targets are empty.
  auto targets(DeviceId const& device) -> Result<std::string>;
  /// {n}.root.json; `not_found` beyond the newest.
  auto director_root(uint32_t version) -> Result<std::string>;
  auto image_root(uint32_t version) -> Result<std::string>;
  /// A file to serve. Any enrolled device may fetch any artifact: contents are encrypted.
  struct Blob {
    std::filesystem::path path;
    uint64_t size_bytes = 0;
  };
  auto blob(Sha256 const& sha256) -> Result<Blob>;

 private:
  Core& core_;
};

}  // namespace godwit::server
