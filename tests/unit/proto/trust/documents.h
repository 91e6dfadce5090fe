// Small signed documents for the tests of metadata and of the client.
#pragma once

#include "proto/trust/client.h"

namespace godwit::proto {

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kLater = kNow + 86400;

using Keys = std::vector<SigningKey>;

inline auto make_keys(int count) -> Keys {
  Keys keys;
  for (int i = 0; i < count; ++i) keys.push_back(SigningKey::generate());
  return keys;
}

inline auto role_of(Keys const& keys, uint32_t threshold) -> Role {
  Role role{.key_ids = {}, .threshold = threshold};
  for (auto const& key : keys) role.key_ids.push_back(key.public_key().id());
  return role;
}

inline auto make_root(int64_t version, Keys const& root, uint32_t root_threshold,
                      Keys const& targets, uint32_t targets_threshold = 1) -> Root {
  Root out;
  out.version = version;
  out.expires_s = kLater;
  for (auto const* keys : {&root, &targets})
    for (auto const& key : *keys) out.keys.emplace(key.public_key().id(), key.public_key());
  out.roles.emplace("root", role_of(root, root_threshold));
  for (auto const* name : {"targets", "snapshot", "timestamp"})
    out.roles.emplace(name, role_of(targets, targets_threshold));
  return out;
}

inline auto image_target(char const* model, char const* version) -> Target {
  ReleaseInfo info{.model = *ModelName::parse(model), .version = *Version::parse(version)};
  info.release_counter = 3;
  info.plain_length = 1000;
  info.plain_sha256 = sha256(as_bytes("plain"));
  info.requires_ = {.hardware_ids = {"cam-v1", "cam-v2"},
                    .arch = "aarch64",
                    .engine_version = 1,
                    .ram_bytes = 4096,
                    .flash_bytes = 2048};
  info.gate = {.soak_inferences = 249,
               .accuracy_drop_points_max = 5.0,
               .psi_max = 0.25,
               .latency_p99_us_max = 20000,
               .error_rate_max = 0.001};
  return {.length = 700, .sha256 = sha256(as_bytes("sealed")), .release = std::move(info)};
}

inline auto make_targets(int64_t version) -> Targets {
  Targets targets;
  targets.version = version;
  targets.expires_s = kLater;
  targets.targets.emplace("models/ic/1.0.0.floe", image_target("ic", "1.0.0"));
  return targets;
}

inline auto some_wrapped_key(uint8_t byte) -> WrappedKey {
  return {Bytes(kWrappedEncBytes, byte), Bytes(kWrappedCtBytes, byte)};
}

inline auto make_assignment() -> Assignment {
  return {.attempt = 7,
          .rev = 2,
          .key = some_wrapped_key(1),
          .delta = DeltaOffer{.format = "bsdiff",
                              .base_plain_sha256 = sha256(as_bytes("base")),
                              .length = 99,
                              .sha256 = sha256(as_bytes("delta")),
                              .key = some_wrapped_key(2)}};
}

template <typename Body>
auto signed_text(Body const& body, Keys const& keys) -> std::string {
  return *sign_document(to_json(body), keys);
}

}  // namespace godwit::proto
