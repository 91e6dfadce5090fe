// Key wrap: a content key to one receiver, for one artifact.
#include "proto/trust/evp.h"
#include "proto/trust/hpke.h"
#include "proto/trust/seal.h"

namespace godwit::proto {
namespace {

auto wrap_info(std::string_view receiver) -> Bytes {
  using namespace std::literals;
  auto info = to_bytes("godwit/v1/cek\0"sv);
  info.insert(info.end(), receiver.begin(), receiver.end());
  return info;
}

}  // namespace

auto SealingKey::from_pem(std::string_view pem) -> Result<SealingKey> {
  TRY(auto raw, private_from_pem(EVP_PKEY_X25519, pem));
  return SealingKey(raw);
}

auto SealingKey::pem() const -> std::string {
  return private_to_pem(EVP_PKEY_X25519, raw_);
}

auto SealingKey::public_bytes() const -> Bytes {
  auto const raw = x25519_public(raw_);
  return {raw.begin(), raw.end()};
}

auto SealingKey::unwrap(WrappedKey const& wrapped, std::string_view receiver,
                        Sha256 const& artifact) const -> Result<ContentKey> {
  TRY(auto context, HpkeContext::receiver(raw_, wrapped.enc, wrap_info(receiver)));
  TRY(auto raw, context.open(artifact.bytes, wrapped.ct).within("unwrapping a content key"));
  auto key = ContentKey::from_bytes(raw);
  cleanse(raw);
  return key;
}

auto wrap_key(ContentKey const& key, ByteView receiver_public32, std::string_view receiver,
              Sha256 const& artifact) -> Result<WrappedKey> {
  auto const ephemeral = Secret::generate();
  auto const enc = x25519_public(ephemeral);
  TRY(auto context, HpkeContext::sender(receiver_public32, ephemeral, wrap_info(receiver)));
  return WrappedKey{{enc.begin(), enc.end()}, context.seal(artifact.bytes, key.bytes())};
}

auto rewrap_key(SealingKey const& server, WrappedKey const& wrapped, ByteView device_public32,
                DeviceId const& device, Sha256 const& artifact) -> Result<WrappedKey> {
  TRY(auto key, server.unwrap(wrapped, kServerReceiver, artifact));
  return wrap_key(key, device_public32, device.str(), artifact);
}

}  // namespace godwit::proto
