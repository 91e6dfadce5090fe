// HKDF (RFC 5869), AES-256-GCM with 96-bit nonces and X25519 (RFC 7748): what sealing and key wrap
// are composed of. Not for use by other parts.
#pragma once

#include <memory>

#include "proto/trust/digest.h"

namespace godwit::proto {

enum class Hash { sha256, sha384 };

auto hkdf_extract(Hash hash, ByteView salt, ByteView input) -> Bytes;
/// `invalid` for more than 255 times the hash's length.
auto hkdf_expand(Hash hash, ByteView key, ByteView info, size_t length) -> Result<Bytes>;

/// One key, many messages. The nonce has 12 bytes; the tag of 16 follows the ciphertext.
class AesGcm {
 public:
  static constexpr size_t kNonceBytes = 12;
  static constexpr size_t kTagBytes = 16;

  explicit AesGcm(Secret const& key);
  ~AesGcm();
  AesGcm(AesGcm&&) noexcept;
  auto operator=(AesGcm&&) noexcept -> AesGcm&;

  /// Appends ciphertext and tag.
  void seal(ByteView nonce, ByteView aad, ByteView plain, Bytes& out);
  /// Appends the plaintext; `denied`, and nothing appended, when the tag does not hold.
  auto open(ByteView nonce, ByteView aad, ByteView sealed, Bytes& out) -> Result<>;
  /// Fills `out`, which is shorter than `sealed` by the tag; with zeros when the tag does not hold.
  auto open_into(ByteView nonce, ByteView aad, ByteView sealed, std::span<uint8_t> out) -> Result<>;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

auto x25519_public(Secret const& private_key) -> std::array<uint8_t, 32>;
/// `denied` for a public key of the wrong length or of small order (an all-zero result).
auto x25519(Secret const& private_key, ByteView public32) -> Result<Secret>;

}  // namespace godwit::proto
