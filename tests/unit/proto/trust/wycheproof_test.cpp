// Every Wycheproof case of the algorithms that Godwit uses.
#include "proto/trust/keys.h"
#include "proto/trust/primitives.h"
#include "tests/unit/proto/trust/vectors.h"

namespace godwit::proto {
namespace {

auto key_json(char const* type, char const* scheme, std::string material) -> Json {
  return Json::object({{"keytype", type},
                       {"scheme", scheme},
                       {"keyval", Json::object({{"public", std::move(material)}})}});
}

void expect_verdict(Json const& key, Json const& test) {
  auto const opened = PublicKey::from_json(key);
  bool const held = opened && opened->verify(hex_of(test, "msg"), hex_of(test, "sig"));
  EXPECT_EQ(held, is_valid(test));
}

TEST(Wycheproof, Ed25519) {
  each_wycheproof("ed25519", 151, [](Json const& group, Json const& test) {
    auto const material = *group.get_object("publicKey")->get_string("pk");
    expect_verdict(key_json("ed25519", "ed25519", material), test);
  });
}

TEST(Wycheproof, EcdsaP256Sha256) {
  each_wycheproof("ecdsa_secp256r1_sha256", 484, [](Json const& group, Json const& test) {
    auto const material = *group.get_string("publicKeyPem");
    expect_verdict(key_json("ecdsa", "ecdsa-sha2-nistp256", material), test);
  });
}

TEST(Wycheproof, RsaPssSha256) {
  each_wycheproof("rsa_pss_2048_sha256_mgf1_32", 108, [](Json const& group, Json const& test) {
    auto const material = *group.get_string("publicKeyPem");
    expect_verdict(key_json("rsa", "rsassa-pss-sha256", material), test);
  });
}

TEST(Wycheproof, X25519) {
  int refused = 0;
  each_wycheproof("x25519", 518, [&](Json const&, Json const& test) {
    auto const own = *Secret::from_bytes(hex_of(test, "private"));
    auto const shared = x25519(own, hex_of(test, "public"));
    auto const expected = hex_of(test, "shared");
    // RFC 9180 section 7.1.4: an all-zero secret must be refused; all else must be computed.
    bool const zero = expected == Bytes(32);
    ASSERT_EQ(static_cast<bool>(shared), !zero);
    refused += zero ? 1 : 0;
    if (shared) {
      EXPECT_EQ(to_hex(shared->bytes), to_hex(expected));
    }
  });
  std::cout << "  of these " << refused << " have an all-zero result and are refused\n";
  EXPECT_EQ(refused, 31);
}

TEST(Wycheproof, HkdfSha256) {
  each_wycheproof("hkdf_sha256", 86, [](Json const&, Json const& test) {
    auto const key = hkdf_extract(Hash::sha256, hex_of(test, "salt"), hex_of(test, "ikm"));
    auto const out = hkdf_expand(Hash::sha256, key, hex_of(test, "info"),
                                 static_cast<size_t>(*test.get_int("size")));
    ASSERT_EQ(static_cast<bool>(out), is_valid(test));
    if (out) {
      EXPECT_EQ(to_hex(*out), *test.get_string("okm"));
    }
  });
}

TEST(Wycheproof, Aes256GcmWith96BitNonces) {
  int used = 0;
  each_wycheproof("aes_gcm", 316, [&](Json const& group, Json const& test) {
    if (*group.get_int("keySize") != 256 || *group.get_int("ivSize") != 96) return;
    ++used;
    AesGcm cipher(*Secret::from_bytes(hex_of(test, "key")));
    auto const nonce = hex_of(test, "iv");
    auto const aad = hex_of(test, "aad");
    auto sealed = hex_of(test, "ct");
    auto const tag = hex_of(test, "tag");
    sealed.insert(sealed.end(), tag.begin(), tag.end());
    Bytes plain;
    ASSERT_EQ(static_cast<bool>(cipher.open(nonce, aad, sealed, plain)), is_valid(test));
    Bytes resealed;
    cipher.seal(nonce, aad, hex_of(test, "msg"), resealed);
    EXPECT_EQ(resealed == sealed, is_valid(test));
    EXPECT_EQ(to_hex(plain), is_valid(test) ? *test.get_string("msg") : "");
  });
  std::cout << "  of these " << used << " have keys of 256 and nonces of 96 bits\n";
  EXPECT_EQ(used, 66);
}

}  // namespace
}  // namespace godwit::proto
