// The client of both repositories: rotation, rollback, freeze, mix and match.
#include "proto/trust/client.h"

#include <gtest/gtest.h>

#include "proto/trust/director.h"
#include "tests/unit/proto/trust/documents.h"

namespace godwit::proto {
namespace {

auto code_of(auto const& result) -> std::string {
  return result ? "good" : std::string(to_string(result.error().code));
}

class Client : public testing::Test {
 protected:
  Keys const root_keys_ = make_keys(3);
  Keys const targets_keys_ = make_keys(1);
  TrustedState state_ = {
      .root = signed_text(make_root(1, root_keys_, 2, targets_keys_), root_keys_), .targets = {}};

  auto advance(Targets const& targets, Keys const& keys, int64_t now_s = kNow) -> Result<Targets> {
    return advance_targets(state_, signed_text(targets, keys), now_s, nullptr);
  }
};

TEST_F(Client, RootIsFollowedOneVersionAtATime) {
  auto const new_keys = make_keys(2);
  Keys both = {root_keys_[0], root_keys_[1], new_keys[0]};
  auto const second = signed_text(make_root(2, new_keys, 1, targets_keys_), both);
  auto const third = signed_text(make_root(3, new_keys, 1, targets_keys_), new_keys);
  EXPECT_EQ(code_of(advance_root(state_, third)), "denied") << "a version is skipped";
  EXPECT_TRUE(advance_root(state_, second));
  EXPECT_EQ(code_of(advance_root(state_, second)), "denied") << "the same again";
  EXPECT_TRUE(advance_root(state_, third));
  EXPECT_EQ(open_root(state_.root)->version, 3);
}

TEST_F(Client, ANewRootNeedsTheOldAndTheNewThreshold) {
  auto const new_keys = make_keys(3);
  auto const root = make_root(2, new_keys, 2, targets_keys_);
  auto const before = state_.root;
  EXPECT_EQ(code_of(advance_root(state_, signed_text(root, new_keys))), "denied");
  EXPECT_EQ(code_of(advance_root(state_, signed_text(root, root_keys_))), "denied");
  EXPECT_EQ(
      code_of(advance_root(state_, signed_text(root, {root_keys_[0], new_keys[0], new_keys[1]}))),
      "denied")
      << "one old signature of two";
  EXPECT_EQ(
      code_of(advance_root(state_, signed_text(root, {root_keys_[0], root_keys_[1], new_keys[0]}))),
      "denied")
      << "one new signature of two";
  EXPECT_EQ(state_.root, before);
  EXPECT_TRUE(advance_root(
      state_, signed_text(root, {root_keys_[0], root_keys_[2], new_keys[0], new_keys[1]})));
}

TEST_F(Client, AnUnsignedOrForeignRootIsNotOpened) {
  auto const root = make_root(1, root_keys_, 2, targets_keys_);
  EXPECT_EQ(code_of(open_root(signed_text(root, {root_keys_[0]}))), "denied");
  EXPECT_EQ(code_of(open_root(signed_text(root, {}))), "denied");
  EXPECT_EQ(code_of(open_root(signed_text(make_targets(1), root_keys_))), "invalid");
  EXPECT_FALSE(open_root(std::string(70000, ' ')));
}

TEST_F(Client, TargetsNeverGoBack) {
  EXPECT_EQ(code_of(trusted_targets(state_)), "not_found");
  EXPECT_TRUE(advance(make_targets(5), targets_keys_));
  EXPECT_TRUE(advance(make_targets(5), targets_keys_)) << "the same again";
  auto const kept = state_.targets;
  EXPECT_EQ(code_of(advance(make_targets(4), targets_keys_)), "denied");
  auto other = make_targets(5);
  other.targets.clear();
  EXPECT_EQ(code_of(advance(other, targets_keys_)), "denied") << "two documents of one version";
  EXPECT_EQ(state_.targets, kept);
  EXPECT_TRUE(advance(make_targets(6), targets_keys_));
  EXPECT_EQ(trusted_targets(state_)->version, 6);
}

TEST_F(Client, ExpiredDocumentsInstallNothing) {
  EXPECT_TRUE(advance(make_targets(1), targets_keys_, kLater - 1));
  EXPECT_EQ(code_of(advance(make_targets(2), targets_keys_, kLater)), "denied");
  auto long_lived = make_targets(2);
  long_lived.expires_s = kLater + 100;
  EXPECT_EQ(code_of(advance(long_lived, targets_keys_, kLater)), "denied") << "the root expired";
  EXPECT_EQ(trusted_targets(state_)->version, 1) << "what is trusted stays readable";
}

TEST_F(Client, TargetsOfOtherKeysAreRefused) {
  EXPECT_EQ(code_of(advance(make_targets(1), make_keys(1))), "denied");
  EXPECT_EQ(code_of(advance(make_targets(1), root_keys_)), "denied") << "keys of another role";
  EXPECT_EQ(code_of(advance(make_targets(1), {})), "denied");
  EXPECT_TRUE(state_.targets.empty());
}

TEST_F(Client, AStolenTargetsKeyIsRecoveredFromByANewRoot) {
  auto far = make_targets(INT64_MAX);
  ASSERT_TRUE(advance(far, targets_keys_));
  auto const new_keys = make_keys(1);
  auto const second = make_root(2, root_keys_, 2, new_keys);
  ASSERT_TRUE(advance_root(state_, signed_text(second, root_keys_)));
  EXPECT_EQ(code_of(trusted_targets(state_)), "denied") << "its documents count no more";
  EXPECT_EQ(code_of(advance(make_targets(2), targets_keys_)), "denied");
  EXPECT_TRUE(advance(make_targets(2), new_keys));
}

TEST_F(Client, ADirectorsDocumentIsForOneDevice) {
  auto const one = *DeviceId::parse("cam-1");
  auto const other = *DeviceId::parse("cam-2");
  auto const text = *sign_director_targets(one, 1, kLater, {}, targets_keys_[0]);
  EXPECT_EQ(code_of(advance_targets(state_, text, kNow, &other)), "denied");
  EXPECT_EQ(code_of(advance_targets(state_, text, kNow, nullptr)), "denied")
      << "in place of the Image repository's";
  auto const image = signed_text(make_targets(1), targets_keys_);
  EXPECT_EQ(code_of(advance_targets(state_, image, kNow, &one)), "denied")
      << "in place of the Director's";
  EXPECT_TRUE(state_.targets.empty());
  EXPECT_TRUE(advance_targets(state_, text, kNow, &one));
}

class Agreement : public testing::Test {
 protected:
  ModelName const ic_ = *ModelName::parse("ic");
  SigningKey const director_key_ = SigningKey::generate();
  Targets const image_ = make_targets(1);
  std::string const path_ = "models/ic/1.0.0.floe";

  auto director(std::vector<Assigned> const& assigned) const -> Targets {
    auto const text =
        *sign_director_targets(*DeviceId::parse("cam-1"), 1, kLater, assigned, director_key_);
    return *parse_targets(SignedDocument::parse(text, 1u << 20)->body());
  }
  auto assigned() const -> Targets {
    return director({{path_, image_.targets.at(path_), make_assignment()}});
  }
};

TEST_F(Agreement, BothNameTheSameArtifact) {
  auto const agreed = agree(image_, assigned(), ic_);
  ASSERT_TRUE(agreed) << agreed.error().what;
  EXPECT_EQ(agreed->path, path_);
  EXPECT_EQ(agreed->image.release->plain_length, 1000u);
  EXPECT_EQ(agreed->director.assignment->attempt, 7u);
  EXPECT_FALSE(agreed->director.release) << "what a release is, the Image repository alone says";
}

TEST_F(Agreement, NothingIsAssigned) {
  EXPECT_EQ(code_of(agree(image_, director({}), ic_)), "not_found");
  EXPECT_EQ(code_of(agree(image_, assigned(), *ModelName::parse("i"))), "not_found");
  EXPECT_EQ(code_of(agree(image_, assigned(), *ModelName::parse("icc"))), "not_found");
}

TEST_F(Agreement, AnyDisagreementIsRefused) {
  auto const refused = [&](Targets const& image, Targets const& named) {
    return code_of(agree(image, named, ic_)) == "denied";
  };
  auto other = assigned();
  other.targets.at(path_).length += 1;
  EXPECT_TRUE(refused(image_, other));
  other = assigned();
  other.targets.at(path_).sha256.bytes[0] ^= 1;
  EXPECT_TRUE(refused(image_, other));
  other = assigned();
  other.targets.at(path_).assignment.reset();
  EXPECT_TRUE(refused(image_, other));
  other = assigned();
  other.targets.emplace("models/ic/1.1.0.floe", other.targets.at(path_));
  EXPECT_TRUE(refused(image_, other)) << "two releases of one model";
  EXPECT_TRUE(refused(Targets(), assigned())) << "not in the Image repository";
}

TEST_F(Agreement, ATargetIsTheReleaseOfItsPath) {
  // Signed, but the description of one release under the path of another.
  auto image = image_;
  image.targets.at(path_).release = image_target("ic", "2.0.0").release;
  EXPECT_EQ(code_of(agree(image, assigned(), ic_)), "denied");
  image.targets.at(path_).release = image_target("kws", "1.0.0").release;
  EXPECT_EQ(code_of(agree(image, assigned(), ic_)), "denied");
  image.targets.at(path_).release.reset();
  EXPECT_EQ(code_of(agree(image, assigned(), ic_)), "denied");
}

TEST_F(Agreement, OneAssignmentForEachComponent) {
  auto const key = SigningKey::generate();
  auto const device = *DeviceId::parse("cam-1");
  Assigned const first{path_, image_.targets.at(path_), make_assignment()};
  Assigned const second{"models/ic/1.1.0.floe", image_target("ic", "1.1.0"), make_assignment()};
  Assigned const other{"models/kws/1.0.0.floe", image_target("kws", "1.0.0"), make_assignment()};
  EXPECT_TRUE(sign_director_targets(device, 1, kLater, {first, other}, key));
  EXPECT_EQ(code_of(sign_director_targets(device, 1, kLater, {first, second}, key)), "invalid");
  auto nothing = first;
  nothing.image.release.reset();
  EXPECT_EQ(code_of(sign_director_targets(device, 1, kLater, {nothing}, key)), "invalid");
}

TEST(Requirements, TheFirstThatIsNotMetIsNamed) {
  auto const required = image_target("ic", "1.0.0").release->requires_;
  DeviceView const good{.hardware_id = "cam-v2",
                        .arch = "aarch64",
                        .engine_version = 1,
                        .ram_bytes = 4096,
                        .flash_bytes = 2048};
  EXPECT_TRUE(check_requires(required, good));
  EXPECT_TRUE(check_requires({}, {}));
  auto const why = [&](auto change) {
    auto device = good;
    change(device);
    auto const result = check_requires(required, device);
    return result ? "good" : result.error().what;
  };
  EXPECT_EQ(why([](auto& d) { d.hardware_id = "cam-v3"; }),
            "made for other hardware than 'cam-v3'");
  EXPECT_EQ(why([](auto& d) { d.arch = "armv7"; }), "needs the processor aarch64, not armv7");
  EXPECT_EQ(why([](auto& d) { d.engine_version = 0; }), "needs engine version 1, there is 0");
  EXPECT_EQ(why([](auto& d) { d.ram_bytes = 4095; }), "needs RAM bytes 4096, there is 4095");
  EXPECT_EQ(why([](auto& d) { d.flash_bytes = 0; }), "needs flash bytes 2048, there is 0");
}

TEST(ReleaseCounter, NothingBelowTheFloor) {
  auto const release = *image_target("ic", "1.0.0").release;  // counter 3
  EXPECT_TRUE(check_release_counter(release, 3));
  EXPECT_EQ(code_of(check_release_counter(release, 4)), "denied");
}

}  // namespace
}  // namespace godwit::proto
