// Signing keys: Ed25519 (RFC 8032) made and used here; ECDSA P-256 and RSA-PSS-SHA256 verified too.
// A public key is TUF's key object; its id is the SHA-256 of that object's canonical form.
#pragma once

#include <string>

#include "proto/base/bytes.h"
#include "proto/json/json.h"

namespace godwit::proto {

/// A TUF key object: {"keytype", "scheme", "keyval": {"public"}}.
class PublicKey {
 public:
  /// `invalid` for an unknown scheme or malformed key material.
  static auto from_json(Json const& json) -> Result<PublicKey>;
  static auto from_ed25519(ByteView raw32) -> Result<PublicKey>;
  auto json() const -> Json const& { return json_; }
  auto id() const -> std::string const& { return id_; }
  /// `denied` when the signature does not hold.
  auto verify(ByteView message, ByteView signature) const -> Result<>;

 private:
  Json json_;
  std::string id_;
};

/// An Ed25519 private key: 32 bytes, cleansed when dropped; stored as PKCS#8 PEM.
class SigningKey {
 public:
  static auto generate() -> SigningKey;
  static auto from_pem(std::string_view pem) -> Result<SigningKey>;
  static auto from_seed(ByteView raw32) -> Result<SigningKey>;
  ~SigningKey();
  SigningKey(SigningKey const&) = default;
  auto operator=(SigningKey const&) -> SigningKey& = default;
  auto pem() const -> std::string;
  auto public_key() const -> PublicKey;
  auto sign(ByteView message) const -> Bytes;

 private:
  explicit SigningKey(std::array<uint8_t, 32> seed) : seed_(seed) {}
  std::array<uint8_t, 32> seed_;
};

}  // namespace godwit::proto
