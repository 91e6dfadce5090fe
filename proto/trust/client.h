// The TUF client of one repository, as pure functions over stored and received documents
// (specification 1.0.34, section 5; the order of its checks is kept). Who calls it stores the exact
// bytes.
#pragma once

#include "proto/trust/metadata.h"

namespace godwit::proto {

/// What a device keeps of one repository: exact bytes, verified when they were stored.
struct TrustedState {
  std::string root;     // root.json
  std::string targets;  // targets.json; empty before the first update
};

/// Verifies and parses a root that was delivered out of band or stored before.
auto open_root(std::string_view text) -> Result<Root>;

/// Follows root rotation one version at a time: `next` must be version + 1, signed by a threshold
/// of the old root's keys and of its own (5.3.4, 5.3.5). Expiry is checked on the last one only, by
/// advance_targets.
auto advance_root(TrustedState& state, std::string_view next) -> Result<>;

/// Verifies targets.json against the trusted root: signatures, version not lower than the trusted
/// one, expiry of root and targets against now; two documents of one version must be the same. On
/// success the new state is stored in `state`. `device`: for the Director, the id that the document
/// must name; nullptr for the Image repository, whose document must name none.
auto advance_targets(TrustedState& state, std::string_view next, int64_t now_s,
                     DeviceId const* device) -> Result<Targets>;

/// The stored targets, parsed. `not_found` before the first update; `denied` when a newer root no
/// longer trusts the keys that signed them: then they bound nothing any more.
auto trusted_targets(TrustedState const& state) -> Result<Targets>;

/// What a device shall install, agreed by both repositories.
struct Agreed {
  std::string path;
  Target image;     // with release
  Target director;  // with assignment
};
/// The Director's only target for `model`, with the Image target of the same path: same length and
/// hash, or `denied`. `not_found` when the Director names nothing for this model.
auto agree(Targets const& image, Targets const& director, ModelName const& model) -> Result<Agreed>;

/// `denied` with the first requirement that the device does not meet.
struct DeviceView {
  std::string hardware_id;
  std::string arch;
  uint32_t engine_version = 0;
  uint64_t ram_bytes = 0;
  uint64_t flash_bytes = 0;
};
auto check_requires(Requires const& required, DeviceView const& device) -> Result<>;

/// `denied` when the release is older than the device's floor: the highest counter that it
/// confirmed.
auto check_release_counter(ReleaseInfo const& release, uint64_t floor) -> Result<>;

}  // namespace godwit::proto
