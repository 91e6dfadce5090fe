// What all use cases share: the database, the store, the keys, the clock. Owned by Service.
#pragma once

#include <map>

#include "proto/trust/seal.h"
#include "server/service/certificate.h"
#include "server/service/service.h"
#include "server/storage/artifacts.h"
#include "server/storage/db.h"
#include "server/storage/deltas.h"
#include "server/storage/releases.h"

namespace godwit::server {

struct Core {
  Config config;
  Clock const& clock;
  std::unique_ptr<Database> database;
  ArtifactStore artifacts;
  DeviceCa device_ca;
  proto::SigningKey director_key;
  proto::SealingKey sealing_key;
  std::string image_root;  // verified text

  auto now_ms() const -> int64_t { return clock.now_ms(); }
  auto now_s() const -> int64_t { return clock.now_ms() / 1000; }
};

auto read_file(std::filesystem::path const& path, size_t size_max) -> Result<std::string>;

/// Opens the sealed artifact of a release: its plaintext, checked against the signed hash.
auto plaintext_of(Core const& core, Release const& release) -> Result<Bytes>;

/// The release, or `not_found`.
auto require_release(Tx& tx, std::string_view model, std::string_view version) -> Result<Release>;

/// [A-Za-z0-9][A-Za-z0-9._-]{0,63}, as the schema's labels: channels, filters, tags.
auto check_label(std::string_view text, std::string_view what) -> Result<>;
/// At most 64, keys as labels, values of at most 256 bytes.
auto check_attributes(std::map<std::string, std::string> const& attributes) -> Result<>;

}  // namespace godwit::server
