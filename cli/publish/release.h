// Signing a release: the compiled model sealed, described and signed, as a folder that
// `godwit release push` brings to a server. What is in it: docs/trust.md.
#pragma once

#include <optional>

#include "cli/publish/keys.h"
#include "proto/trust/metadata.h"

namespace godwit::cli {

struct ReleaseRequest {
  ModelName model;
  Version version;
  std::optional<Version> parent = {};
  std::string notes = {};
  std::string channel = {};
  std::optional<uint64_t> release_counter = {};  // none: that of the releases before
  proto::Requires requires_ = {};                // 0 or empty: what the model itself needs
  proto::GatePolicy gate = {};
  int64_t targets_expires_s = 0;
};

/// The contents of a bundle's files, and the repository's next targets.json.
struct SignedRelease {
  std::string path;
  proto::Target target;
  int64_t targets_version = 0;
  Bytes artifact;       // artifact.floe
  std::string targets;  // targets.json: exact text
  std::string key;      // key.json
  std::string release;  // release.json
};

/// What signing needs of a folder of keys.
struct Signer {
  std::string root;     // image/root.json
  std::string targets;  // image/targets.json
  proto::SigningKey targets_key;
  Bytes server_public;
};

/// Pure: seals the model and signs the documents. `invalid` for what is no compiled model,
/// `conflict` for a version that was signed before, `denied` when the documents in the folder do
/// not hold, or its targets key is none of the root's.
auto make_release(ByteView compiled, ReleaseRequest const& request, Signer const& signer,
                  int64_t now_s) -> Result<SignedRelease>;

/// make_release on files: signs, replaces image/targets.json, writes the bundle. A version number
/// of targets.json is never used twice, whenever this is interrupted.
auto sign_release(KeyFolder const& keys, std::filesystem::path const& compiled,
                  ReleaseRequest const& request, std::filesystem::path const& bundle, int64_t now_s)
    -> Result<SignedRelease>;

}  // namespace godwit::cli
