#include "proto/trust/keys.h"

#include <openssl/rsa.h>

#include "proto/trust/digest.h"
#include "proto/trust/evp.h"

namespace godwit::proto {
namespace {

enum class Scheme { ed25519, ecdsa_p256_sha256, rsa_pss_sha256, unknown };

/// TUF specification 4.2; python-securesystemslib wrote "ecdsa-sha2-nistp256" as the type of old.
auto scheme_of(Json const& key) -> Scheme {
  auto const type = key.get_string("keytype").value_or("");
  auto const scheme = key.get_string("scheme").value_or("");
  if (type == "ed25519" && scheme == "ed25519") return Scheme::ed25519;
  if ((type == "ecdsa" || type == "ecdsa-sha2-nistp256") && scheme == "ecdsa-sha2-nistp256")
    return Scheme::ecdsa_p256_sha256;
  if (type == "rsa" && scheme == "rsassa-pss-sha256") return Scheme::rsa_pss_sha256;
  return Scheme::unknown;
}

auto open_ed25519(std::string_view hex) -> Result<OwnedKey> {
  TRY(auto raw, from_hex(hex).within("Ed25519 public key"));
  if (raw.size() != 32) return invalid("an Ed25519 public key has 32 bytes");
  OwnedKey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
  if (!key) return forget(invalid("not an Ed25519 public key"));
  return key;
}

auto open_pem(std::string_view pem, Scheme scheme) -> Result<OwnedKey> {
  constexpr size_t kPemBytesMax = 4096;
  constexpr int kRsaBitsMin = 2048;
  constexpr int kRsaBitsMax = 8192;  // verification time is bounded
  if (pem.size() > kPemBytesMax) return invalid("too long for a public key");
  OwnedBio const bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio);
  OwnedKey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr));
  if (!key) return forget(invalid("not a public key in PEM"));
  if (scheme == Scheme::rsa_pss_sha256) {
    int const bits = EVP_PKEY_get_bits(key.get());
    if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA || bits < kRsaBitsMin || bits > kRsaBitsMax)
      return invalid("not an RSA key of 2048 to 8192 bits");
    return key;
  }
  char group[32] = "";
  size_t size = 0;
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key.get(), group, sizeof group, &size) != 1 ||
      std::string_view(group, size) != "prime256v1")
    return forget(invalid("not a P-256 key"));
  return key;
}

auto open_key(Json const& json) -> Result<OwnedKey> {
  TRY(auto keyval, json.get_object("keyval"));
  TRY(auto material, keyval.get_string("public"));
  auto const scheme = scheme_of(json);
  return scheme == Scheme::ed25519 ? open_ed25519(material) : open_pem(material, scheme);
}

}  // namespace

auto PublicKey::from_json(Json const& json) -> Result<PublicKey> {
  PublicKey key;
  TRY_VOID(json.get_string("keytype"));
  TRY_VOID(json.get_string("scheme"));
  TRY_VOID(json.get_object("keyval"));
  if (scheme_of(json) != Scheme::unknown) TRY_VOID(open_key(json));
  TRY(auto canonical, json.canonical());
  key.json_ = json;
  key.id_ = sha256(as_bytes(canonical)).hex();
  return key;
}

auto PublicKey::from_ed25519(ByteView raw32) -> Result<PublicKey> {
  return from_json(Json::object({{"keytype", "ed25519"},
                                 {"scheme", "ed25519"},
                                 {"keyval", Json::object({{"public", to_hex(raw32)}})}}));
}

auto PublicKey::verify(ByteView message, ByteView signature) const -> Result<> {
  auto const scheme = scheme_of(json_);
  if (scheme == Scheme::unknown) return denied("a key of an unknown scheme verifies nothing");
  TRY(auto key, open_key(json_));
  OwnedDigest const context(EVP_MD_CTX_new());
  CHECK(context);
  EVP_PKEY_CTX* options = nullptr;
  auto const* digest = scheme == Scheme::ed25519 ? nullptr : EVP_sha256();
  // The key came from outside: what libcrypto makes of it is an answer, not an invariant.
  bool const ready =
      EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key.get()) == 1 &&
      (scheme != Scheme::rsa_pss_sha256 ||
       (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1));
  if (!ready || EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                                 message.size()) != 1)
    return forget(denied("the signature does not hold"));
  return {};
}

auto SigningKey::from_pem(std::string_view pem) -> Result<SigningKey> {
  TRY(auto seed, private_from_pem(EVP_PKEY_ED25519, pem));
  return SigningKey(seed);
}

auto SigningKey::from_seed(ByteView raw32) -> Result<SigningKey> {
  TRY(auto seed, Secret::from_bytes(raw32));
  return SigningKey(seed);
}

auto SigningKey::pem() const -> std::string {
  return private_to_pem(EVP_PKEY_ED25519, seed_);
}

auto SigningKey::public_key() const -> PublicKey {
  return *PublicKey::from_ed25519(public_of(EVP_PKEY_ED25519, seed_));
}

auto SigningKey::sign(ByteView message) const -> Bytes {
  auto const key = open_private(EVP_PKEY_ED25519, seed_);
  OwnedDigest const context(EVP_MD_CTX_new());
  CHECK(context);
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  Bytes signature(64);
  size_t size = signature.size();
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
            1 &&
        size == signature.size());
  return signature;
}

}  // namespace godwit::proto
