// renew_documents: the same keys, one version higher, later expiry.
#include "cli/core/files.h"
#include "cli/publish/folder_lock.h"
#include "cli/publish/keys.h"
#include "proto/base/limits.h"
#include "proto/base/time.h"
#include "proto/trust/client.h"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;
using proto::SigningKey;

auto read_document(fs::path const& path, size_t bytes_max) -> Result<std::string> {
  TRY(auto bytes, read_file(path.string(), bytes_max));
  return std::string(as_text(bytes));
}

auto read_key(fs::path const& path) -> Result<SigningKey> {
  TRY(auto pem, read_secret(path.string()));
  auto key = SigningKey::from_pem(pem).within(path.string());
  proto::cleanse({reinterpret_cast<uint8_t*>(pem.data()), pem.size()});
  return key;
}

/// The body as it is, unknown fields too, one version higher.
auto next_version(std::string_view text, int64_t expires_s, std::vector<SigningKey> const& keys)
    -> Result<std::string> {
  TRY(auto const document, proto::SignedDocument::parse(text, limits::kMetadataBytesMax));
  Json body = document.body();
  TRY(auto const version, body.get_int("version"));
  body.set("version", version + 1);
  body.set("expires", format_time(expires_s));
  return proto::sign_document(body, keys);
}

/// The old root stays beside the new one as N.root.json: devices that were away follow them all.
auto renew_root(fs::path const& path, int64_t expires_s, std::vector<SigningKey> const& keys)
    -> Result<std::string> {
  TRY(auto const old, read_document(path, limits::kRootBytesMax));
  TRY(auto const root, proto::open_root(old).within(path.string()));
  TRY(auto const next, next_version(old, expires_s, keys));
  proto::TrustedState state{.root = old, .targets = {}};
  TRY_VOID(proto::advance_root(state, next).within(path.string()));
  auto const kept = path.parent_path() / (std::to_string(root.version) + ".root.json");
  TRY_VOID(write_file(kept.string(), as_bytes(old), 0644));
  TRY_VOID(write_file(path.string(), as_bytes(next), 0644));
  return next;
}

auto renew_targets(KeyFolder const& keys, std::string const& root, int64_t expires_s, int64_t now_s)
    -> Result<> {
  TRY(auto const old, read_document(keys.image_targets(), limits::kMetadataBytesMax));
  TRY(auto const key, read_key(keys.targets_key()));
  proto::TrustedState state{.root = root, .targets = old};
  TRY_VOID(proto::trusted_targets(state).within(keys.image_targets().string()));
  TRY(auto const next, next_version(old, expires_s, {key}));
  TRY_VOID(proto::advance_targets(state, next, now_s, nullptr).within("checking"));
  return write_file(keys.image_targets().string(), as_bytes(next), 0644);
}

}  // namespace

auto renew_documents(KeyFolder const& keys, int64_t root_expires_s, int64_t targets_expires_s,
                     int64_t now_s) -> Result<> {
  TRY(auto const lock, FolderLock::take(keys.image_targets().parent_path()));
  std::vector<SigningKey> root_keys;
  for (int i = 1; i <= kRootKeysMax; ++i) {
    auto const path = keys.folder / ("root-" + std::to_string(i) + ".key");
    if (!fs::exists(path)) continue;  // with another person: a threshold is enough
    TRY(auto key, read_key(path));
    root_keys.push_back(std::move(key));
  }
  TRY(auto const director_key, read_key(keys.folder / "director-root.key"));
  TRY(auto const root, renew_root(keys.image_root(), root_expires_s, root_keys));
  TRY_VOID(renew_root(keys.director_root(), root_expires_s, {director_key}));
  return renew_targets(keys, root, targets_expires_s, now_s);
}

}  // namespace godwit::cli
