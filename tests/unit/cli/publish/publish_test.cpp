// Keys and signed releases, as files and as documents that a device accepts.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "cli/core/files.h"
#include "cli/publish/release.h"
#include "proto/format/compress.h"
#include "proto/format/model_write.h"
#include "proto/trust/client.h"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kNow = 1'800'000'000;
constexpr uint32_t kArena = 4096;

/// A model that reshapes `size` values.
auto compiled_model(uint32_t size) -> Bytes {
  using namespace proto;
  ModelSpec spec;
  TensorSpec in{.name = "in", .shape = {1, size}, .scales = {1.0f}};
  TensorSpec out{.name = "out", .shape = {size, 1}, .scales = {1.0f}, .arena_offset = kArena / 2};
  spec.tensors = {in, out};
  spec.operators = {{.code = Opcode::reshape, .inputs = {0}, .outputs = {1}, .params = {}}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = kArena;
  return write_model(spec);
}

auto text_of(fs::path const& path) -> std::string {
  auto const bytes = read_file(path.string(), 1u << 20);
  EXPECT_TRUE(bytes) << path;
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

auto request(char const* version) -> ReleaseRequest {
  return {.model = *ModelName::parse("ic"),
          .version = *Version::parse(version),
          .targets_expires_s = kNow + 90 * kDaySeconds};
}

class Publish : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "godwit-publish-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    keys_ = KeyFolder{folder_ / "keys"};
    auto const made = init_keys(keys_, plan_);
    ASSERT_TRUE(made) << made.error().what;
    compiled_ = (folder_ / "ic.gwm").string();
    ASSERT_TRUE(write_file(compiled_, compiled_model(8)));
  }
  void TearDown() override { fs::remove_all(folder_); }

  auto sign(char const* version, char const* bundle) -> Result<SignedRelease> {
    return sign_release(keys_, compiled_, request(version), folder_ / bundle, kNow);
  }
  auto trusted() const -> proto::TrustedState {
    return {.root = text_of(keys_.image_root()), .targets = text_of(keys_.image_targets())};
  }

  KeyPlan plan_ = {.root_keys = 3,
                   .root_threshold = 2,
                   .root_expires_s = kNow + 365 * kDaySeconds,
                   .targets_expires_s = kNow + 180 * kDaySeconds};
  fs::path folder_;
  KeyFolder keys_;
  std::string compiled_ = "";
};

TEST_F(Publish, KeysAreMadeOnceAndKeptSecret) {
  for (auto const* name : {"root-1.key", "root-2.key", "root-3.key", "targets.key",
                           "director-root.key", "director.key", "server-seal.key"}) {
    struct stat status {};
    ASSERT_EQ(::stat((keys_.folder / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777u, 0600u) << name;
  }
  auto const root = proto::open_root(text_of(keys_.image_root()));
  ASSERT_TRUE(root);
  EXPECT_EQ(root->roles.at("root").key_ids.size(), 3u);
  EXPECT_EQ(root->roles.at("root").threshold, 2u);
  EXPECT_TRUE(proto::open_root(text_of(keys_.director_root())));
  EXPECT_EQ(proto::trusted_targets(trusted())->version, 1);
  EXPECT_EQ(init_keys(keys_, plan_).error().code, Code::conflict);
  plan_.root_threshold = 4;
  EXPECT_EQ(init_keys({folder_ / "other"}, plan_).error().code, Code::invalid);
  EXPECT_FALSE(fs::exists(folder_ / "other"));
}

TEST_F(Publish, ABundleIsWhatDeviceAndServerCanOpen) {
  auto const before = trusted();
  auto const made = sign("1.0.0", "bundle");
  ASSERT_TRUE(made) << made.error().what;
  auto const bundle = folder_ / "bundle";
  // The device: from the first targets.json to the one of the bundle.
  auto state = before;
  auto const targets =
      proto::advance_targets(state, text_of(bundle / "targets.json"), kNow, nullptr);
  ASSERT_TRUE(targets) << targets.error().what;
  EXPECT_EQ(targets->version, 2);
  EXPECT_EQ(text_of(bundle / "targets.json"), text_of(keys_.image_targets()));
  auto const& target = targets->targets.at("models/ic/1.0.0.floe");
  auto const artifact = *read_file((bundle / "artifact.floe").string(), 1u << 20);
  EXPECT_EQ(target.length, artifact.size());
  EXPECT_EQ(target.sha256, proto::sha256(artifact));
  // The server: the content key, then the plaintext.
  auto const server = *proto::SealingKey::from_pem(*read_secret(keys_.folder / "server-seal.key"));
  auto const wrapped = proto::parse_wrapped_key(*Json::parse(text_of(bundle / "key.json")));
  auto const key = server.unwrap(*wrapped, proto::kServerReceiver, target.sha256);
  ASSERT_TRUE(key);
  auto const aad = proto::release_aad("models/ic/1.0.0.floe", target.release->plain_sha256,
                                      target.release->plain_length);
  auto plain = *proto::unseal(*key, aad, artifact);
  if (target.release->encoding == "zstd")
    plain = *proto::decompress(plain, target.release->plain_length);
  EXPECT_EQ(plain, compiled_model(8));
  EXPECT_EQ(proto::sha256(plain), target.release->plain_sha256);
}

TEST_F(Publish, TheModelsOwnNeedsAreSigned) {
  auto const made = sign("1.0.0", "bundle");
  auto const& required = made->target.release->requires_;
  EXPECT_EQ(required.ram_bytes, kArena);
  EXPECT_EQ(required.engine_version, 1u);  // It has no operator that came later.
  EXPECT_EQ(required.flash_bytes, proto::sealed_length(compiled_model(8).size()));
  auto asked = request("1.1.0");
  asked.requires_.ram_bytes = 99;
  asked.requires_.hardware_ids = {"cam-v2"};
  auto const second = sign_release(keys_, compiled_, asked, folder_ / "second", kNow);
  EXPECT_EQ(second->target.release->requires_.ram_bytes, 99u);
  EXPECT_EQ(second->target.release->requires_.hardware_ids, std::vector<std::string>{"cam-v2"});
}

TEST_F(Publish, EarlierReleasesAndUnknownFieldsStay) {
  auto body = *Json::parse(text_of(keys_.image_targets()))->get_object("signed");
  body.set("x-later", Json::object({{"kept", true}}));
  auto const key = *proto::SigningKey::from_pem(*read_secret(keys_.targets_key()));
  ASSERT_TRUE(write_file(keys_.image_targets(), as_bytes(*proto::sign_document(body, {key}))));
  ASSERT_TRUE(sign("1.0.0", "first"));
  ASSERT_TRUE(sign("1.1.0", "second"));
  auto const targets = proto::trusted_targets(trusted());
  EXPECT_EQ(targets->version, 3);
  EXPECT_EQ(targets->targets.size(), 2u);
  EXPECT_NE(text_of(keys_.image_targets()).find(R"("x-later":{"kept":true})"), std::string::npos);
}

TEST_F(Publish, AVersionIsSignedOnce) {
  ASSERT_TRUE(sign("1.0.0", "first"));
  auto const before = text_of(keys_.image_targets());
  EXPECT_EQ(sign("1.0.0", "second").error().code, Code::conflict);
  EXPECT_EQ(sign("1.1.0", "first").error().code, Code::conflict) << "the bundle exists";
  EXPECT_EQ(text_of(keys_.image_targets()), before);
  EXPECT_FALSE(fs::exists(folder_ / "second"));
}

TEST_F(Publish, TheReleaseCounterNeverFalls) {
  auto asked = request("1.0.0");
  asked.release_counter = 7;
  ASSERT_TRUE(sign_release(keys_, compiled_, asked, folder_ / "first", kNow));
  EXPECT_EQ(sign("1.1.0", "second")->target.release->release_counter, 7u);
  asked = request("1.2.0");
  asked.release_counter = 6;
  EXPECT_EQ(sign_release(keys_, compiled_, asked, folder_ / "third", kNow).error().code,
            Code::invalid);
}

TEST_F(Publish, NothingIsSignedThatADeviceWouldRefuse) {
  // A model that does not parse.
  auto damaged = compiled_model(8);
  damaged.back() ^= 1;
  damaged.resize(damaged.size() - 1);
  ASSERT_TRUE(write_file(compiled_, damaged));
  EXPECT_FALSE(sign("1.0.0", "bundle"));
  ASSERT_TRUE(write_file(compiled_, compiled_model(8)));
  // Documents that expire before they are used.
  auto asked = request("1.0.0");
  asked.targets_expires_s = kNow;
  EXPECT_EQ(sign_release(keys_, compiled_, asked, folder_ / "bundle", kNow).error().code,
            Code::denied);
  // A targets.json that somebody changed.
  auto const good = text_of(keys_.image_targets());
  auto changed = good;
  changed.replace(changed.find("\"version\":1"), 11, "\"version\":9");
  ASSERT_TRUE(write_file(keys_.image_targets(), as_bytes(changed)));
  EXPECT_EQ(sign("1.0.0", "bundle").error().code, Code::denied);
  ASSERT_TRUE(write_file(keys_.image_targets(), as_bytes(good)));
  // A key that the root does not name.
  auto const stranger = proto::SigningKey::generate().pem();
  ASSERT_TRUE(write_file(keys_.targets_key(), as_bytes(stranger), 0600));
  EXPECT_EQ(sign("1.0.0", "bundle").error().code, Code::denied);
  EXPECT_EQ(text_of(keys_.image_targets()), good);
  EXPECT_FALSE(fs::exists(folder_ / "bundle"));
}

TEST_F(Publish, RenewedDocumentsAreFollowedByDevices) {
  ASSERT_TRUE(sign("1.0.0", "bundle"));
  auto device = trusted();
  auto const late = plan_.root_expires_s + 1;  // everything has expired
  EXPECT_FALSE(proto::advance_targets(device, device.targets, late, nullptr));
  fs::remove(keys_.folder / "root-2.key");  // two of three are enough
  auto const renewed = renew_documents(keys_, late + kDaySeconds, late + kDaySeconds, late);
  ASSERT_TRUE(renewed) << renewed.error().what;
  auto const now = trusted();
  ASSERT_TRUE(proto::advance_root(device, now.root));
  auto const targets = proto::advance_targets(device, now.targets, late, nullptr);
  ASSERT_TRUE(targets) << targets.error().what;
  EXPECT_EQ(targets->version, 3);
  EXPECT_EQ(targets->targets.size(), 1u);
  EXPECT_EQ(proto::open_root(text_of(keys_.director_root()))->version, 2);
  EXPECT_EQ(proto::open_root(text_of(keys_.folder / "image/1.root.json"))->version, 1);
  fs::remove(keys_.folder / "root-1.key");
  EXPECT_EQ(renew_documents(keys_, late, late, late).error().code, Code::denied);
}

TEST_F(Publish, AKeyThatOthersMayReadIsNotUsed) {
  ASSERT_EQ(::chmod(keys_.targets_key().c_str(), 0644), 0);
  EXPECT_EQ(sign("1.0.0", "bundle").error().code, Code::denied);
}

}  // namespace
}  // namespace godwit::cli
