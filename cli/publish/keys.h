// The folder of keys and roots that `godwit keys init` makes (docs/trust.md): file names, and the
// first documents of both repositories.
#pragma once

#include <filesystem>

#include "proto/trust/seal.h"

namespace godwit::cli {

constexpr int kRootKeysMax = 16;
constexpr int64_t kDaySeconds = 86400;

/// Where things lie in a folder of keys.
struct KeyFolder {
  std::filesystem::path folder;

  auto image_root() const { return folder / "image" / "root.json"; }
  auto image_targets() const { return folder / "image" / "targets.json"; }
  auto director_root() const { return folder / "director" / "root.json"; }
  auto targets_key() const { return folder / "targets.key"; }
  auto server_public() const { return folder / "server-seal.pub"; }
};

struct KeyPlan {
  int root_keys = 1;  // of the Image repository
  int root_threshold = 1;
  int64_t root_expires_s = 0;
  int64_t targets_expires_s = 0;
};

/// Makes the whole folder, or nothing. `conflict` when something stands there: keys are never
/// overwritten.
auto init_keys(KeyFolder const& keys, KeyPlan const& plan) -> Result<>;

/// Both roots and the Image targets again, one version higher and expiring later, signed by the
/// keys that lie in the folder. `denied` when these are fewer than a threshold. Interrupted, it may
/// be repeated.
auto renew_documents(KeyFolder const& keys, int64_t root_expires_s, int64_t targets_expires_s,
                     int64_t now_s) -> Result<>;

/// The X25519 public key that `release sign` wraps content keys to.
auto read_server_public(KeyFolder const& keys) -> Result<Bytes>;

}  // namespace godwit::cli
