// Signing keys: Ed25519 (RFC 8032) made and used here; ECDSA P-256 and RSA-PSS-SHA256 (salt as long
// as the digest) verified too. A public key is TUF's key object; its id is the SHA-256 of that
// object's canonical form.
#pragma once

#include <string>

#include "proto/json/json.h"
#include "proto/trust/digest.h"

namespace godwit::proto {

/// A TUF key object: {"keytype", "scheme", "keyval": {"public"}}.
class PublicKey {
 public:
  /// `invalid` for malformed key material. A key of an unknown scheme is kept, and verifies
  /// nothing: a root may already name keys that only newer programs understand.
  static auto from_json(Json const& json) -> Result<PublicKey>;
  static auto from_ed25519(ByteView raw32) -> Result<PublicKey>;
  auto json() const -> Json const& { return json_; }
  auto id() const -> std::string const& { return id_; }
  /// `denied` when the signature does not hold.
  auto verify(ByteView message, ByteView signature) const -> Result<>;

 private:
  PublicKey() = default;
  Json json_;
  std::string id_;
};

/// An Ed25519 private key, stored as PKCS#8 PEM.
class SigningKey {
 public:
  static auto generate() -> SigningKey { return SigningKey(Secret::generate()); }
  static auto from_pem(std::string_view pem) -> Result<SigningKey>;
  static auto from_seed(ByteView raw32) -> Result<SigningKey>;
  auto pem() const -> std::string;
  auto public_key() const -> PublicKey;
  auto sign(ByteView message) const -> Bytes;

 private:
  explicit SigningKey(Secret const& seed) : seed_(seed) {}
  Secret seed_;
};

}  // namespace godwit::proto
