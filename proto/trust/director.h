// The Director's document for one device: what it shall run, signed online by the server.
#pragma once

#include "proto/trust/metadata.h"

namespace godwit::proto {

/// One Image target given to the device.
struct Assigned {
  std::string path;
  Target image;
  Assignment assignment;
};

/// The text of the device's targets.json; without assignments it says that there is nothing to do.
/// `invalid` when two assignments are for one component, or one names no release.
auto sign_director_targets(DeviceId const& device, int64_t version, int64_t expires_s,
                           std::vector<Assigned> const& assigned, SigningKey const& key)
    -> Result<std::string>;

}  // namespace godwit::proto
