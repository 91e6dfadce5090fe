#include "proto/trust/hpke.h"

#include <algorithm>

namespace godwit::proto {
namespace {

// Section 7: 0x0020 DHKEM(X25519, HKDF-SHA256), 0x0001 HKDF-SHA256, 0x0002 AES-256-GCM.
constexpr uint8_t kKemSuite[] = {'K', 'E', 'M', 0x00, 0x20};
constexpr uint8_t kHpkeSuite[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};
constexpr size_t kHashBytes = 32;

auto join(std::initializer_list<ByteView> parts) -> Bytes {
  Bytes out;
  for (auto part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

auto labelled_extract(ByteView suite, ByteView salt, std::string_view label, ByteView input)
    -> Bytes {
  auto labelled = join({as_bytes("HPKE-v1"), suite, as_bytes(label), input});
  auto out = hkdf_extract(Hash::sha256, salt, labelled);
  cleanse(labelled);
  return out;
}

auto labelled_expand(ByteView suite, ByteView key, std::string_view label, ByteView info,
                     uint8_t length) -> Bytes {
  uint8_t const length_be[] = {0, length};
  return *hkdf_expand(Hash::sha256, key,
                      join({length_be, as_bytes("HPKE-v1"), suite, as_bytes(label), info}), length);
}

/// Section 4.1: the shared secret of the KEM.
auto extract_and_expand(Secret const& dh, ByteView enc, ByteView receiver) -> Secret {
  auto key = labelled_extract(kKemSuite, {}, "eae_prk", dh.bytes);
  auto shared = labelled_expand(kKemSuite, key, "shared_secret", join({enc, receiver}), kHashBytes);
  auto secret = *Secret::from_bytes(shared);
  cleanse(key);
  cleanse(shared);
  return secret;
}

}  // namespace

auto HpkeContext::schedule(Secret const& shared, ByteView enc, ByteView receiver, ByteView info)
    -> HpkeContext {
  auto const secret_of_kem = extract_and_expand(shared, enc, receiver);
  constexpr uint8_t kModeBase[] = {0};
  auto const context = join({kModeBase, labelled_extract(kHpkeSuite, {}, "psk_id_hash", {}),
                             labelled_extract(kHpkeSuite, {}, "info_hash", info)});
  auto secret = labelled_extract(kHpkeSuite, secret_of_kem.bytes, "secret", {});
  auto key = labelled_expand(kHpkeSuite, secret, "key", context, kHashBytes);
  HpkeContext out(*Secret::from_bytes(key));
  auto const nonce =
      labelled_expand(kHpkeSuite, secret, "base_nonce", context, AesGcm::kNonceBytes);
  std::copy(nonce.begin(), nonce.end(), out.base_nonce_.begin());
  cleanse(secret);
  cleanse(key);
  return out;
}

auto HpkeContext::sender(ByteView receiver_public32, Secret const& ephemeral, ByteView info)
    -> Result<HpkeContext> {
  TRY(auto dh, x25519(ephemeral, receiver_public32));
  return schedule(dh, x25519_public(ephemeral), receiver_public32, info);
}

auto HpkeContext::receiver(Secret const& receiver_private, ByteView enc32, ByteView info)
    -> Result<HpkeContext> {
  TRY(auto dh, x25519(receiver_private, enc32));
  return schedule(dh, enc32, x25519_public(receiver_private), info);
}

auto HpkeContext::nonce() const -> std::array<uint8_t, AesGcm::kNonceBytes> {
  auto out = base_nonce_;
  for (size_t i = 0; i < 8; ++i)
    out[out.size() - 1 - i] ^= static_cast<uint8_t>(sequence_ >> (8 * i));
  return out;
}

auto HpkeContext::seal(ByteView aad, ByteView plain) -> Bytes {
  Bytes out;
  cipher_.seal(nonce(), aad, plain, out);
  ++sequence_;
  return out;
}

auto HpkeContext::open(ByteView aad, ByteView sealed) -> Result<Bytes> {
  Bytes out;
  TRY_VOID(cipher_.open(nonce(), aad, sealed, out));
  ++sequence_;
  return out;
}

}  // namespace godwit::proto
