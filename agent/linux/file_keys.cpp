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

/// Durable before anything is sealed under it. A damaged one opens nothing: it makes room.
auto make_storage_key(Files& identity) -> Result<proto::ContentKey> {
  auto key = proto::ContentKey::generate();
  auto text = to_hex(key.bytes()) + "\n";
  auto const stored = store_whole(identity, identity_file::kStorageKey, text);
  proto::cleanse({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  TRY_VOID(stored);
  return key;
}

}  // namespace

auto FileKeys::open(Files& identity, DeviceId const& device) -> Result<FileKeys> {
  TRY(auto const pem, load_text(identity, identity_file::kSealingKey));
  TRY(auto sealing, proto::SealingKey::from_pem(pem).within(identity_file::kSealingKey));
  auto storage = load_storage_key(identity);
  bool const made = !storage;
  if (!storage) {
    auto const code = storage.error().code;
    if (code != Code::not_found && code != Code::corrupt) return std::move(storage).error();
    storage = make_storage_key(identity);
    if (!storage) return std::move(storage).error();
  }
  FileKeys keys(identity, std::move(sealing), *std::move(storage), device);
  keys.made_storage_key_ = made;
  auto const marked = identity.size(identity_file::kSealsRecords);
  if (!marked && marked.error().code != Code::not_found) return marked.error();
  keys.seals_records_ = static_cast<bool>(marked);
  return keys;
}

auto FileKeys::begin_sealing_records() -> Result<> {
  TRY_VOID(store_whole(*identity_, identity_file::kSealsRecords, "1\n"));
  seals_records_ = true;
  return {};
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
