#include "agent/linux/file_keys.h"

namespace godwit::agent {
namespace {

/// What a file's key is locked for: it opens as nothing else.
constexpr std::string_view kFileKeyAad = "godwit/v1/rest";

auto load_storage_key(Files const& identity) -> Result<proto::ContentKey> {
  TRY(auto text, load_text(identity, identity_file::kStorageKey));
  if (text.ends_with('\n')) text.pop_back();
  auto raw = from_hex(text);
  proto::cleanse({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  if (!raw) return corrupt(std::string(identity_file::kStorageKey) + " is no key");
  auto key = proto::ContentKey::from_bytes(*raw);
  proto::cleanse(*raw);
  if (!key) return corrupt(std::string(identity_file::kStorageKey) + " is no key");
  return key;
}

}  // namespace

auto FileKeys::open(Files& identity, DeviceId const& device) -> Result<FileKeys> {
  TRY(auto const pem, load_text(identity, identity_file::kSealingKey));
  TRY(auto sealing, proto::SealingKey::from_pem(pem).within(identity_file::kSealingKey));
  auto storage = load_storage_key(identity);
  if (storage) return FileKeys(std::move(sealing), *std::move(storage), device);
  auto const code = storage.error().code;
  if (code != Code::not_found && code != Code::corrupt) return std::move(storage).error();
  // Durable before anything is sealed under it. A damaged one opens nothing: it makes room.
  auto key = proto::ContentKey::generate();
  auto text = to_hex(key.bytes()) + "\n";
  auto const stored = store_whole(identity, identity_file::kStorageKey, text);
  proto::cleanse({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  TRY_VOID(stored);
  FileKeys keys(std::move(sealing), std::move(key), device);
  keys.made_storage_key_ = true;
  return keys;
}

auto FileKeys::unwrap(proto::WrappedKey const& wrapped, Sha256 const& artifact)
    -> Result<proto::ContentKey> {
  return sealing_.unwrap(wrapped, device_.str(), artifact);
}

auto FileKeys::lock(proto::ContentKey const& key) -> Result<Bytes> {
  return proto::seal(storage_, as_bytes(kFileKeyAad), key.bytes());
}

auto FileKeys::unlock(ByteView locked) -> Result<proto::ContentKey> {
  auto raw = proto::unseal(storage_, as_bytes(kFileKeyAad), locked);
  if (!raw) return denied("sealed under another storage key: " + raw.error().what);
  auto key = proto::ContentKey::from_bytes(*raw);
  proto::cleanse(*raw);
  return key;
}

}  // namespace godwit::agent
