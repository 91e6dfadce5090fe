// HPKE against the vectors of RFC 9180, and the wrap of content keys made from it.
#include "proto/trust/hpke.h"
#include "proto/trust/seal.h"
#include "tests/unit/proto/trust/vectors.h"

namespace godwit::proto {
namespace {

auto secret(Json const& set, std::string_view key) -> Secret {
  return *Secret::from_bytes(hex_of(set, key));
}

TEST(Hpke, Rfc9180BaseModeOfOurSuite) {
  auto const sets = *Json::parse(read_vectors("hpke/base_x25519_sha256_aes256gcm.json"));
  int count = 0;
  for (auto const& set : sets.items()) {
    auto const info = hex_of(set, "info");
    EXPECT_EQ(to_hex(x25519_public(secret(set, "skEm"))), *set.get_string("enc"));
    auto sender = *HpkeContext::sender(hex_of(set, "pkRm"), secret(set, "skEm"), info);
    auto receiver = *HpkeContext::receiver(secret(set, "skRm"), hex_of(set, "enc"), info);
    for (auto const& message : set.find("encryptions")->items()) {
      auto const aad = hex_of(message, "aad");
      auto const sealed = hex_of(message, "ct");
      EXPECT_EQ(sender.seal(aad, hex_of(message, "pt")), sealed);
      auto const opened = receiver.open(aad, sealed);
      ASSERT_TRUE(opened);
      EXPECT_EQ(to_hex(*opened), *message.get_string("pt"));
      ++count;
    }
  }
  std::cout << "RFC 9180: " << count << " messages\n";
  EXPECT_EQ(sets.size(), 1u);
  EXPECT_EQ(count, 257);
}

class Wrap : public testing::Test {
 protected:
  SealingKey const device_ = SealingKey::generate();
  ContentKey const key_ = ContentKey::generate();
  Sha256 const artifact_ = sha256(as_bytes("artifact"));
  WrappedKey const wrapped_ = *wrap_key(key_, device_.public_bytes(), "cam-1", artifact_);
};

TEST_F(Wrap, ComesBackToItsReceiver) {
  auto const stored = *SealingKey::from_pem(device_.pem());
  auto const key = stored.unwrap(wrapped_, "cam-1", artifact_);
  ASSERT_TRUE(key);
  EXPECT_TRUE(equal_constant_time(key->bytes(), key_.bytes()));
  EXPECT_EQ(wrapped_.enc.size(), kWrappedEncBytes);
  EXPECT_EQ(wrapped_.ct.size(), kWrappedCtBytes);
}

TEST_F(Wrap, IsRefusedForAnybodyElse) {
  auto const other = SealingKey::generate();
  auto const refused = [](auto const& result) {
    return !result && result.error().code == Code::denied;
  };
  EXPECT_TRUE(refused(other.unwrap(wrapped_, "cam-1", artifact_)));
  EXPECT_TRUE(refused(device_.unwrap(wrapped_, "cam-2", artifact_)));
  EXPECT_TRUE(refused(device_.unwrap(wrapped_, "cam-1", sha256(as_bytes("another")))));
  for (auto part : {&WrappedKey::enc, &WrappedKey::ct})
    for (size_t i = 0; i < (wrapped_.*part).size(); ++i) {
      auto changed = wrapped_;
      (changed.*part)[i] ^= 1;
      EXPECT_TRUE(refused(device_.unwrap(changed, "cam-1", artifact_))) << i;
    }
  for (size_t size : {0u, 31u}) {
    auto shorter = wrapped_;
    shorter.enc.resize(size);
    EXPECT_TRUE(refused(device_.unwrap(shorter, "cam-1", artifact_)));
    shorter = wrapped_;
    shorter.ct.resize(size);
    EXPECT_TRUE(refused(device_.unwrap(shorter, "cam-1", artifact_)));
  }
  EXPECT_TRUE(refused(wrap_key(key_, Bytes(32), "cam-1", artifact_)));
  EXPECT_TRUE(refused(wrap_key(key_, Bytes(31), "cam-1", artifact_)));
}

TEST_F(Wrap, ServerPassesAKeyOnToADevice) {
  auto const server = SealingKey::generate();
  auto const device = *DeviceId::parse("cam-1");
  auto const to_server = *wrap_key(key_, server.public_bytes(), kServerReceiver, artifact_);
  auto const to_device = rewrap_key(server, to_server, device_.public_bytes(), device, artifact_);
  ASSERT_TRUE(to_device);
  auto const key = device_.unwrap(*to_device, "cam-1", artifact_);
  ASSERT_TRUE(key);
  EXPECT_TRUE(equal_constant_time(key->bytes(), key_.bytes()));
  EXPECT_FALSE(rewrap_key(device_, to_server, device_.public_bytes(), device, artifact_));
}

TEST(SealingKeyPem, RefusesWhatIsNoX25519Key) {
  EXPECT_FALSE(SealingKey::from_pem(""));
  EXPECT_FALSE(
      SealingKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  EXPECT_FALSE(SealingKey::from_pem(SigningKey::generate().pem()));
  EXPECT_FALSE(SigningKey::from_pem(SealingKey::generate().pem()));
}

}  // namespace
}  // namespace godwit::proto
