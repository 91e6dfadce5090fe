// Releases, deltas, and what the Director makes of them for one device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "proto/format/patch.h"
#include "tests/integration/server/service/world.h"

namespace godwit::test {
namespace {

using ::testing::HasSubstr;

class PublishTest : public ::testing::Test {
 protected:
  auto create(NewRelease const& request) -> Result<Releases::Created> {
    return world.service().releases().create(request);
  }
  auto director_targets(SimDevice& device) -> proto::Targets {
    auto const text = world.service().director().targets(device.id());
    EXPECT_TRUE(text) << text.error().what;
    proto::TrustedState state{*world.service().director().director_root(1), ""};
    auto targets = proto::advance_targets(state, *text, world.clock.now_ms() / 1000, &device.id());
    EXPECT_TRUE(targets) << targets.error().what;
    return *targets;
  }
  auto blob(Sha256 const& sha256) -> Bytes {
    auto const found = *world.service().director().blob(sha256);
    std::ifstream file(found.path, std::ios::binary);
    Bytes bytes(found.size_bytes);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    EXPECT_EQ(proto::sha256(bytes), sha256);
    return bytes;
  }
  World world;
};

TEST_F(PublishTest, TheSameReleaseAgainIsTheSame) {
  auto const request = world.signed_release("1.0.0", noise(1000, 1));
  auto const first = create(request);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_TRUE(first->created);
  EXPECT_EQ(first->release.plain_size_bytes, 1000u);
  auto const again = create(request);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->release.number, first->release.number);
  auto other = request;
  other.notes = "different";
  EXPECT_EQ(create(other).error().code, Code::conflict);
  EXPECT_EQ(*world.service().releases().image_targets(), request.targets);
}

TEST_F(PublishTest, RenewedTargetsComeWithAReleaseThatIsThereAlready) {
  auto request = world.signed_release("1.0.0", noise(1000, 1));
  ASSERT_TRUE(create(request));
  world.image_targets().version += 1;
  request.targets = world.sign_targets(world.image_targets());
  auto const again = create(request);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_FALSE(again->created);
  EXPECT_EQ(*world.service().releases().image_targets(), request.targets);
}

TEST_F(PublishTest, EveryRootThatLiesBesideTheNewestIsServed) {
  proto::TrustedState device{*world.service().director().image_root(1), ""};
  world.renew_image_root_twice();
  world.restart();
  for (uint32_t version : {2u, 3u}) {
    auto const root = world.service().director().image_root(version);
    ASSERT_TRUE(root) << root.error().what;
    EXPECT_TRUE(proto::advance_root(device, *root));
  }
  EXPECT_EQ(world.service().director().image_root(4).error().code, Code::not_found);
}

TEST_F(PublishTest, AStolenTargetsKeyIsRecoveredFromByANewRoot) {
  world.publish("1.0.0", noise(1000, 1));
  world.image_targets().version = int64_t{1} << 60;  // whoever has the key leaves no room above
  world.publish("1.1.0", noise(1000, 2));
  world.replace_targets_key();
  world.restart();
  world.image_targets().version = 2;
  auto const request = world.signed_release("1.2.0", noise(1000, 3));
  auto const made = create(request);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(*world.service().releases().image_targets(), request.targets);
}

TEST_F(PublishTest, OlderBundlesMayComeLate) {
  auto const first = world.signed_release("1.0.0", noise(1000, 1));
  auto const second = world.signed_release("1.1.0", noise(1000, 2));
  ASSERT_TRUE(create(second));
  ASSERT_TRUE(create(first)) << "an older document, whose release the newer one holds too";
  EXPECT_EQ(*world.service().releases().image_targets(), second.targets);
}

TEST_F(PublishTest, RefusesWhatIsNotSignedOrNotWhole) {
  auto const good = world.signed_release("1.0.0", noise(1000, 1));
  auto tampered = good;
  tampered.targets.replace(tampered.targets.find("1000"), 4, "1001");
  EXPECT_EQ(create(tampered).error().code, Code::denied);

  auto foreign = good;
  foreign.targets =
      *proto::sign_document(proto::to_json(world.image_targets()), {proto::SigningKey::generate()});
  EXPECT_EQ(create(foreign).error().code, Code::denied);

  auto wrong_key = good;
  wrong_key.key =
      *proto::wrap_key(proto::ContentKey::generate(), proto::SealingKey::generate().public_bytes(),
                       proto::kServerReceiver, Sha256{});
  EXPECT_EQ(create(wrong_key).error().code, Code::denied);

  auto unnamed = good;
  unnamed.version = version("7.0.0");
  EXPECT_EQ(create(unnamed).error().code, Code::invalid);

  auto orphan = good;
  orphan.parent = version("0.9.0");
  EXPECT_EQ(create(orphan).error().code, Code::not_found);

  EXPECT_EQ(create(NewRelease{.model = ic(),
                              .version = version("1.0.0"),
                              .parent = {},
                              .notes = "",
                              .channel = {},
                              .targets = "{",
                              .key = {}})
                .error()
                .code,
            Code::invalid);
  EXPECT_TRUE(create(good)) << "none of these left anything behind";
}

TEST_F(PublishTest, AReleaseNeedsItsArtifact) {
  auto request = world.signed_release("1.0.0", noise(1000, 1));
  auto& target = world.image_targets().targets.begin()->second;
  target.sha256 = proto::sha256(as_bytes("never uploaded"));
  request.targets = world.sign_targets(world.image_targets());
  auto const refused = create(request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("was not uploaded"));
}

TEST_F(PublishTest, PublishedReleasesCannotBeDroppedOrChanged) {
  world.publish("1.0.0", noise(1000, 1));
  auto const path = proto::target_path(ic(), version("1.0.0"));
  auto const kept = world.image_targets().targets.at(path);
  world.image_targets().targets.erase(path);
  EXPECT_EQ(create(world.signed_release("1.1.0", noise(1000, 2))).error().code, Code::conflict);
  world.image_targets().targets[path] = kept;
  world.image_targets().targets[path].sha256 = proto::sha256(as_bytes("x"));
  EXPECT_EQ(create(world.signed_release("1.1.0", noise(1000, 2))).error().code, Code::conflict);
  world.image_targets().targets[path] = kept;
  EXPECT_TRUE(create(world.signed_release("1.1.0", noise(1000, 2))));
  auto const changed = world.database->transact([](Tx& tx) -> Result<> {
    tx.run("UPDATE release SET plain_size = 1 WHERE version = '1.0.0'");
    return {};
  });
  EXPECT_EQ(changed.error().code, Code::conflict) << "not even in SQL";
}

TEST_F(PublishTest, ListsPromotesAndYanks) {
  for (auto const* number : {"1.0.0", "1.1.0", "1.2.0"})
    world.publish(number, noise(100, static_cast<uint32_t>(number[2])));
  auto& releases = world.service().releases();
  auto const first = *releases.list(ic(), "", {.limit = 2, .cursor = ""});
  ASSERT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.items[0].version, "1.2.0");
  ASSERT_TRUE(first.next);
  auto const rest = *releases.list(ic(), "", {.limit = 2, .cursor = *first.next});
  ASSERT_EQ(rest.items.size(), 1u);
  EXPECT_EQ(rest.items[0].version, "1.0.0");
  EXPECT_FALSE(rest.next);
  EXPECT_EQ(releases.list(ic(), "", {.limit = 2, .cursor = "x"}).error().code, Code::invalid);
  EXPECT_EQ(releases.promote(ic(), version("1.0.0"), "stable")->channel, "stable");
  EXPECT_EQ(releases.list(ic(), "stable", {})->items.size(), 1u);
  EXPECT_EQ(releases.promote(ic(), version("1.0.0"), "no spaces").error().code, Code::invalid);
  EXPECT_EQ(releases.yank(ic(), version("1.0.0"), "bad")->yanked, "bad");
  EXPECT_EQ(releases.promote(ic(), version("1.0.0"), "beta").error().code, Code::conflict);
  EXPECT_EQ(releases.get(ic(), version("9.0.0")).error().code, Code::not_found);
  EXPECT_EQ(releases.models({})->items.at(0).name, "ic");
}

TEST_F(PublishTest, TheDeltaIsThereBeforeTheFirstDeviceIsTold) {
  auto const old_file = noise(40'000, 1);
  auto new_file = old_file;
  new_file[20'000] ^= 1;
  world.publish("1.0.0", old_file);
  SimDevice device(world, "cam-1");
  device.runs("1.0.0");
  device.hello();
  world.publish("1.1.0", new_file, {.parent = "1.0.0", .requires_ = {}, .encoding = "zstd"});
  ASSERT_TRUE(world.service().rollouts().create(rollout_of("1.1.0")));
  world.tick();
  EXPECT_TRUE(world.mailbox.take("cam-1").empty()) << "waits for the delta";
  world.make_deltas();
  world.tick();
  auto const hint = device.hint();

  auto const deltas = *world.service().releases().deltas({.model = ic()}, {});
  ASSERT_EQ(deltas.items.size(), 2u) << "one of each format";
  for (auto const& delta : deltas.items) {
    EXPECT_EQ(delta.state, DeltaState::ready);
    EXPECT_LT(*delta.size_bytes, 1000u);
    EXPECT_TRUE(delta.seconds);
  }

  auto const targets = director_targets(device);
  ASSERT_EQ(targets.targets.size(), 1u);
  auto const& target = targets.targets.at("models/ic/1.1.0.floe");
  ASSERT_TRUE(target.assignment);
  EXPECT_EQ(target.assignment->attempt, hint.attempt);
  EXPECT_EQ(target.assignment->rev, hint.rev);
  ASSERT_TRUE(target.assignment->delta);

  auto const& offer = *target.assignment->delta;
  EXPECT_EQ(offer.base_plain_sha256, proto::sha256(old_file));
  auto const key = world.device_sealing.unwrap(offer.key, device.id().str(), offer.sha256);
  ASSERT_TRUE(key) << key.error().what;
  auto const aad = proto::delta_aad(offer.format, offer.base_plain_sha256, proto::sha256(new_file));
  auto const patch = proto::unseal(*key, aad, blob(offer.sha256));
  ASSERT_TRUE(patch) << patch.error().what;
  EXPECT_EQ(*proto::apply_patch(old_file, *patch, {}), new_file);

  auto const full_key =
      world.device_sealing.unwrap(target.assignment->key, device.id().str(), target.sha256);
  EXPECT_TRUE(full_key) << "the full release can be opened as well";
}

TEST_F(PublishTest, ALargerDeltaIsRejectedWithTheReason) {
  world.publish("1.0.0", noise(20'000, 1));
  SimDevice device(world, "cam-1");
  device.runs("1.0.0");
  device.hello();
  world.publish("1.1.0", noise(20'000, 2), {.parent = "1.0.0", .requires_ = {}});
  world.make_deltas();
  auto const deltas = *world.service().releases().deltas({.model = ic()}, {});
  ASSERT_EQ(deltas.items.size(), 2u);
  for (auto const& delta : deltas.items) {
    EXPECT_EQ(delta.state, DeltaState::rejected);
    EXPECT_THAT(delta.reason, HasSubstr("the full release is sent"));
    EXPECT_THAT(delta.reason, HasSubstr(std::to_string(delta.full_size_bytes)));
  }
  ASSERT_TRUE(world.service().rollouts().create(rollout_of("1.1.0")));
  world.tick();
  device.hint();
  EXPECT_FALSE(director_targets(device).targets.begin()->second.assignment->delta);
}

TEST_F(PublishTest, ADeltaThatNobodyMakesDoesNotHoldTheRolloutForEver) {
  world.publish("1.0.0", noise(20'000, 1));
  SimDevice device(world, "cam-1");
  device.runs("1.0.0");
  device.hello();
  world.publish("1.1.0", noise(20'000, 2), {.parent = "1.0.0", .requires_ = {}});
  ASSERT_TRUE(world.service().rollouts().create(rollout_of("1.1.0")));
  world.tick();
  EXPECT_TRUE(world.mailbox.take("cam-1").empty());
  world.clock.pass_ms(world.config().delta_wait_ms);
  world.tick();
  device.hint();
}

TEST_F(PublishTest, WithoutAnAttemptTheTargetsAreEmptyAndVersionsRise) {
  world.publish("1.0.0", noise(1000, 1));
  SimDevice device(world, "cam-1");
  device.hello();
  EXPECT_TRUE(director_targets(device).targets.empty());
  auto const second = director_targets(device);
  EXPECT_EQ(second.version, 2);
  EXPECT_EQ(second.device_id, "cam-1");
  EXPECT_EQ(world.service().director().targets(*DeviceId::parse("stranger")).error().code,
            Code::denied);
  EXPECT_EQ(world.service().director().image_root(2).error().code, Code::not_found);
}

TEST_F(PublishTest, ARefusedUploadLeavesNothing) {
  auto& store = world.service().artifacts();
  auto const expected = proto::sha256(as_bytes("expected"));
  {
    auto upload = *store.begin(expected);
    ASSERT_TRUE(upload.add(as_bytes("something else")));
    EXPECT_EQ(upload.commit().error().code, Code::invalid);
  }
  EXPECT_FALSE(store.contains(expected));
  EXPECT_EQ(store.read(expected, 100).error().code, Code::not_found);
  auto const temporary = world.config().data_dir / "artifacts" / "tmp";
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
  world.upload(as_bytes("expected"));
  EXPECT_EQ(*store.read(expected, 100), to_bytes("expected"));
  std::filesystem::permissions(store.path(expected), std::filesystem::perms::owner_all);
  std::ofstream(store.path(expected)) << "exqected";
  EXPECT_EQ(store.read(expected, 100).error().code, Code::corrupt);
}

TEST_F(PublishTest, AReleaseIsChangedOnlyAsItWasSeen) {
  world.publish("1.0.0", noise(1000, 1));
  auto& releases = world.service().releases();
  auto const never = [](Release const&) { return false; };
  EXPECT_EQ(releases.promote(ic(), version("1.0.0"), "stable", never).error().code, Code::conflict);
  EXPECT_EQ(releases.yank(ic(), version("1.0.0"), "bad", never).error().code, Code::conflict);
  auto const seen = *releases.get(ic(), version("1.0.0"));
  EXPECT_FALSE(seen.channel);
  EXPECT_FALSE(seen.yanked);
  auto const not_yanked = [](Release const& release) { return !release.yanked; };
  EXPECT_TRUE(releases.yank(ic(), version("1.0.0"), "bad", not_yanked));
  EXPECT_EQ(releases.yank(ic(), version("1.0.0"), "worse", not_yanked).error().code,
            Code::conflict);
  EXPECT_EQ(releases.get(ic(), version("1.0.0"))->yanked, "bad");
}

TEST_F(PublishTest, UploadsThatNothingCameToNameAreCollectedAfterADay) {
  constexpr int64_t kHourMs = 3600 * 1000;
  auto const release = world.publish("1.0.0", noise(1000, 1));
  auto const left = noise(500, 2);
  auto const again = noise(500, 3);
  world.upload(left);
  world.upload(again);
  auto const there = [&](ByteView bytes) {
    return world.service().artifacts().contains(proto::sha256(bytes));
  };
  world.clock.pass_ms(23 * kHourMs);
  world.tick();
  EXPECT_TRUE(there(left)) << "it may still be published";
  // An upload of what is known already counts as an upload.
  EXPECT_TRUE(*world.service().releases().artifact_known(proto::sha256(again)));
  world.clock.pass_ms(2 * kHourMs);
  world.tick();
  EXPECT_FALSE(there(left));
  EXPECT_FALSE(*world.service().releases().artifact_known(proto::sha256(left)));
  EXPECT_TRUE(there(again));
  EXPECT_TRUE(world.service().artifacts().contains(release.sha256)) << "a release names it";
  world.upload(left);
  EXPECT_TRUE(*world.service().releases().artifact_known(proto::sha256(left)));
}

}  // namespace
}  // namespace godwit::test
