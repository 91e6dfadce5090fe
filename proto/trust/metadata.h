// TUF 1.0 metadata (specification 1.0.34): root and targets, as signed JSON in OLPC canonical form.
// One format for both repositories: Image (signed offline) and Director (signed online, per
// device). The custom fields that Godwit adds are typed here and described in docs/trust.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/ids.h"
#include "proto/trust/keys.h"

namespace godwit::proto {

struct Role {
  std::vector<std::string> key_ids;
  uint32_t threshold = 1;
};

struct Root {
  int64_t version = 1;
  int64_t expires_s = 0;  // Unix seconds; RFC 3339 "Z" with whole seconds on the wire
  bool consistent_snapshot = true;
  std::map<std::string, PublicKey> keys;  // by id
  std::map<std::string, Role> roles;      // "root", "targets", "snapshot", "timestamp"
};

/// What a device must be for a release to be offered or installed. Empty or 0: anything.
struct Requires {
  std::vector<std::string> hardware_ids;
  std::string arch;
  uint32_t engine_version = 0;
  uint64_t ram_bytes = 0;
  uint64_t flash_bytes = 0;
};

/// The signed health policy of a release: what ends its trial on a device.
struct GatePolicy {
  uint32_t soak_inferences = 0;                    // a trial runs at least so many
  std::optional<double> accuracy_drop_points_max;  // percentage points against the release before
  std::optional<double> psi_max;  // of the class histogram, against the release before
  std::optional<uint64_t> latency_p99_us_max;
  std::optional<double> error_rate_max;
};

/// `custom` of an Image target: the ciphertext's length and hash are TUF's own fields.
struct ReleaseInfo {
  ModelName model;
  Version version;
  std::string kind = "model";     // or "firmware"
  std::string encoding = "zstd";  // of the plaintext inside the seal, or "none"
  uint64_t release_counter = 0;
  uint64_t plain_length = 0;
  Sha256 plain_sha256 = {};
  Requires requires_ = {};
  GatePolicy gate = {};
};

/// A content key wrapped to one receiver by HPKE (docs/trust.md): base64 on the wire.
struct WrappedKey {
  Bytes enc;  // kWrappedEncBytes: the KEM's share
  Bytes ct;   // kWrappedCtBytes: key and tag
};
constexpr size_t kWrappedEncBytes = 32;
constexpr size_t kWrappedCtBytes = 48;

/// A delta in a Director target's custom: made on demand, sealed under a key of its own.
struct DeltaOffer {
  std::string format;             // "bsdiff" or "godwit"
  Sha256 base_plain_sha256 = {};  // what it applies to
  uint64_t length = 0;            // of the sealed delta
  Sha256 sha256 = {};             // of the sealed delta
  WrappedKey key = {};
  /// Of a step of a chain: the plaintext that it makes. A delta alone makes the release.
  std::optional<Sha256> plain_sha256 = {};
};
/// More steps than this are refused.
constexpr size_t kDeltaStepsMax = 4;

/// `custom` of a Director target: this device's assignment.
struct Assignment {
  AttemptNo attempt = 0;
  uint32_t rev = 0;
  WrappedKey key = {};  // content key of the full release
  std::optional<DeltaOffer> delta = {};
  /// Instead: deltas to be applied one after another, each to what the one before made.
  std::vector<DeltaOffer> chain = {};
};

struct Target {
  uint64_t length = 0;                        // of the sealed artifact
  Sha256 sha256 = {};                         // of the sealed artifact
  std::optional<ReleaseInfo> release = {};    // Image
  std::optional<Assignment> assignment = {};  // Director
};

struct Targets {
  int64_t version = 1;
  int64_t expires_s = 0;
  std::string device_id = {};                  // Director only: the device it is for
  std::map<std::string, Target> targets = {};  // by path: "models/<model>/<version>.floe"
};

/// "models/<model>/<version>.floe".
auto target_path(ModelName const& model, Version const& version) -> std::string;

/// A signed document as received: the exact bytes, and the canonical form that the signatures
/// cover.
class SignedDocument {
 public:
  /// Parses {"signed": ..., "signatures": [...]}; checks structure only, no signature.
  static auto parse(std::string_view text, size_t bytes_max) -> Result<SignedDocument>;
  auto text() const -> std::string const& { return text_; }
  auto type() const -> std::string const& { return type_; }
  auto body() const -> Json const& { return body_; }
  /// `denied` unless at least `role.threshold` different keys of the role signed the canonical
  /// body.
  auto verify(Role const& role, std::map<std::string, PublicKey> const& keys) const -> Result<>;

 private:
  std::string text_;
  std::string type_;
  Json body_;
  std::string canonical_;
  std::vector<std::pair<std::string, Bytes>> signatures_;  // key id, signature
};

auto parse_root(Json const& body) -> Result<Root>;
auto parse_targets(Json const& body) -> Result<Targets>;
auto to_json(Root const& root) -> Json;
auto to_json(Targets const& targets) -> Json;
auto to_json(Target const& target) -> Json;
/// {"enc", "ct"}, as in key.json of a bundle and in the REST interface.
auto parse_wrapped_key(Json const& json) -> Result<WrappedKey>;
auto to_json(WrappedKey const& key) -> Json;

/// Signs a body with every key given: the text to store and send.
auto sign_document(Json const& body, std::vector<SigningKey> const& keys) -> Result<std::string>;
/// Adds signatures to an existing document (a root signed by several persons, one after another).
auto add_signatures(std::string_view text, std::vector<SigningKey> const& keys)
    -> Result<std::string>;

}  // namespace godwit::proto
