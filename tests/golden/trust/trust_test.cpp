// Documents, seals and wraps that were made before (tests/data/golden/trust), and documents that
// another implementation of TUF made (tests/data/vectors/python-tuf), still open.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "proto/format/compress.h"
#include "proto/trust/client.h"
#include "proto/trust/seal.h"

namespace godwit::proto {
namespace {

constexpr int64_t kNow = 1'800'000'000;

auto read(std::string const& path) -> std::string {
  std::ifstream file(GODWIT_TEST_DATA "/" + path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}
auto golden(std::string const& name) -> std::string {
  return read("golden/trust/" + name);
}

class Golden : public testing::Test {
 protected:
  void SetUp() override {
    TrustedState image{.root = golden("image-root.json"), .targets = {}};
    TrustedState director{.root = golden("director-root.json"), .targets = {}};
    auto const releases = advance_targets(image, golden("image-targets.json"), kNow, nullptr);
    ASSERT_TRUE(releases) << releases.error().what;
    auto const wanted = advance_targets(director, golden("director-targets.json"), kNow, &device_);
    ASSERT_TRUE(wanted) << wanted.error().what;
    auto agreed = agree(*releases, *wanted, *ModelName::parse("ic"));
    ASSERT_TRUE(agreed) << agreed.error().what;
    agreed_.emplace(*std::move(agreed));
  }
  DeviceId const device_ = *DeviceId::parse("cam-1");
  SealingKey const device_key_ = *SealingKey::from_pem(golden("device-seal.key"));
  SealingKey const server_key_ = *SealingKey::from_pem(golden("server-seal.key"));
  std::optional<Agreed> agreed_;
};

TEST_F(Golden, TheReleaseOpensForDeviceAndServer) {
  auto const& release = *agreed_->image.release;
  auto const sealed = golden("artifact.floe");
  EXPECT_EQ(agreed_->image.length, sealed.size());
  EXPECT_EQ(agreed_->image.sha256, sha256(as_bytes(sealed)));
  auto const to_server = *parse_wrapped_key(*Json::parse(golden("key.json")));
  auto const at_server = server_key_.unwrap(to_server, kServerReceiver, agreed_->image.sha256);
  auto const at_device =
      device_key_.unwrap(agreed_->director.assignment->key, device_.str(), agreed_->image.sha256);
  ASSERT_TRUE(at_server && at_device);
  EXPECT_TRUE(equal_constant_time(at_server->bytes(), at_device->bytes()));
  auto const aad = release_aad(agreed_->path, release.plain_sha256, release.plain_length);
  auto const content = unseal(*at_device, aad, as_bytes(sealed));
  ASSERT_TRUE(content) << content.error().what;
  auto const plain =
      release.encoding == "zstd" ? *decompress(*content, release.plain_length) : *content;
  EXPECT_EQ(as_text(plain), golden("plain.bin"));
  EXPECT_EQ(sha256(plain), release.plain_sha256);
}

TEST_F(Golden, TheDeltaOpensForTheDevice) {
  auto const& delta = *agreed_->director.assignment->delta;
  auto const key = device_key_.unwrap(delta.key, device_.str(), delta.sha256);
  ASSERT_TRUE(key);
  auto const aad =
      delta_aad(delta.format, delta.base_plain_sha256, agreed_->image.release->plain_sha256);
  EXPECT_EQ(as_text(*unseal(*key, aad, as_bytes(golden("delta.floe")))),
            "not a patch, but sealed like one");
}

TEST_F(Golden, EveryFieldIsReadAsItWasMeant) {
  auto const& release = *agreed_->image.release;
  EXPECT_EQ(release.model.str(), "ic");
  EXPECT_EQ(release.version.str(), "1.0.0");
  EXPECT_EQ(release.kind, "model");
  EXPECT_EQ(release.plain_length, golden("plain.bin").size());
  EXPECT_EQ(release.requires_.hardware_ids, std::vector<std::string>{"cam-v2"});
  EXPECT_EQ(release.requires_.arch, "aarch64");
  EXPECT_EQ(release.requires_.ram_bytes, 4096u);
  EXPECT_EQ(release.gate.soak_inferences, 249u);
  EXPECT_EQ(release.gate.accuracy_drop_points_max, 5.0);
  EXPECT_EQ(release.gate.psi_max, 0.25);
  EXPECT_EQ(release.gate.latency_p99_us_max, 20000u);
  EXPECT_EQ(release.gate.error_rate_max, 0.001);
  EXPECT_EQ(agreed_->director.assignment->attempt, 7u);
  EXPECT_EQ(agreed_->director.assignment->rev, 2u);
  EXPECT_EQ(agreed_->director.assignment->delta->format, "bsdiff");
}

TEST(PythonTuf, ItsRootsRotationAndTargetsAreFollowed) {
  auto const vector = [](char const* name) {
    return read(std::string("vectors/python-tuf/") + name);
  };
  // Root keys of all three schemes, all needed; then RSA leaves and another Ed25519 key comes.
  TrustedState state{.root = vector("1.root.json"), .targets = {}};
  auto const first = open_root(state.root);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(first->roles.at("root").threshold, 3u);
  auto const followed = advance_root(state, vector("2.root.json"));
  ASSERT_TRUE(followed) << followed.error().what;
  auto const targets = advance_targets(state, vector("targets.json"), kNow, nullptr);
  ASSERT_TRUE(targets) << targets.error().what;
  EXPECT_EQ(targets->version, 7);
  auto const& target = targets->targets.at("a/\xC3\xA4 \"quoted\"\\ file.bin");
  EXPECT_EQ(target.length, 7u);
  EXPECT_EQ(target.sha256, sha256(as_bytes("content")));
}

}  // namespace
}  // namespace godwit::proto
