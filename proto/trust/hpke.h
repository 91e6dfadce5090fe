// HPKE (RFC 9180), base mode, one suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
// What seal.h wraps content keys with.
#pragma once

#include "proto/trust/primitives.h"

namespace godwit::proto {

/// One side's context after set-up (section 5.2): messages are numbered from 0.
class HpkeContext {
 public:
  /// `ephemeral` is the sender's fresh key; its public half is the `enc` to send.
  static auto sender(ByteView receiver_public32, Secret const& ephemeral, ByteView info)
      -> Result<HpkeContext>;
  static auto receiver(Secret const& receiver_private, ByteView enc32, ByteView info)
      -> Result<HpkeContext>;

  auto seal(ByteView aad, ByteView plain) -> Bytes;
  auto open(ByteView aad, ByteView sealed) -> Result<Bytes>;

 private:
  static auto schedule(Secret const& shared, ByteView enc, ByteView receiver, ByteView info)
      -> HpkeContext;
  explicit HpkeContext(Secret const& key) : cipher_(key) {}
  auto nonce() const -> std::array<uint8_t, AesGcm::kNonceBytes>;

  AesGcm cipher_;
  std::array<uint8_t, AesGcm::kNonceBytes> base_nonce_{};
  uint64_t sequence_ = 0;
};

}  // namespace godwit::proto
