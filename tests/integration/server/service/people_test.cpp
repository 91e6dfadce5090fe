// Enrolment, tokens, idempotency keys, devices and filters as operators use them, events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/server/service/pki.h"
#include "tests/integration/server/service/world.h"

namespace godwit::test {
namespace {

class EnrolmentTest : public ::testing::Test {
 protected:
  auto request(std::string const& id, std::string const& key, std::string const& token)
      -> EnrolRequest {
    return {.token = token,
            .device = *DeviceId::parse(id),
            .csr = make_request(key, id),
            .sealing_key = world.device_sealing.public_bytes(),
            .hardware_id = "cam",
            .attributes = {{"site", "north"}}};
  }
  auto token(uint32_t uses) -> std::string {
    return world.service().enrolment().create_token(uses, 60, "")->token;
  }
  auto enrol(EnrolRequest const& r) -> Result<Enrolled> {
    return world.service().enrolment().enrol(r);
  }
  World world;
};

TEST_F(EnrolmentTest, GivesACertificateForTheDeviceAlone) {
  auto const enrolled = enrol(request("cam-1", make_device_key(), token(1)));
  ASSERT_TRUE(enrolled) << enrolled.error().what;
  EXPECT_TRUE(is_client_certificate(enrolled->certificate, enrolled->ca, "cam-1",
                                    world.clock.now_ms() / 1000));
  auto const device = *world.service().devices().get(*DeviceId::parse("cam-1"));
  EXPECT_EQ(device.attributes.at("site"), "north");
  EXPECT_EQ(device.hardware_id, "cam");
}

TEST_F(EnrolmentTest, ARetryWithTheSameKeyUsesNothingUp) {
  auto const key = make_device_key();
  auto const one = token(1);
  ASSERT_TRUE(enrol(request("cam-1", key, one)));
  auto const again = enrol(request("cam-1", key, one));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_TRUE(
      is_client_certificate(again->certificate, again->ca, "cam-1", world.clock.now_ms() / 1000));
  EXPECT_EQ(enrol(request("cam-1", make_device_key(), token(1))).error().code, Code::conflict);
  EXPECT_EQ(enrol(request("cam-2", make_device_key(), one)).error().code, Code::denied)
      << "used up";
}

TEST_F(EnrolmentTest, RefusesWrongTokensAndRequests) {
  auto const good = token(5);
  auto const key = make_device_key();
  EXPECT_EQ(enrol(request("cam-1", key, "gwe_wrong")).error().code, Code::denied);
  auto other_name = request("cam-1", key, good);
  other_name.csr = make_request(key, "cam-2");
  EXPECT_EQ(enrol(other_name).error().code, Code::invalid);
  auto rsa = request("cam-1", key, good);
  rsa.csr = make_rsa_request("cam-1");
  EXPECT_EQ(enrol(rsa).error().code, Code::invalid);
  auto garbage = request("cam-1", key, good);
  garbage.csr = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
  EXPECT_EQ(enrol(garbage).error().code, Code::invalid);
  auto short_key = request("cam-1", key, good);
  short_key.sealing_key.pop_back();
  EXPECT_EQ(enrol(short_key).error().code, Code::invalid);
  world.clock.pass_ms(60'001);
  EXPECT_EQ(enrol(request("cam-1", key, good)).error().code, Code::denied) << "expired";
}

TEST_F(EnrolmentTest, ManyAtOnceTakeExactlyTheUses) {
  auto const shared = token(3);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      if (enrol(request("cam-" + std::to_string(i), make_device_key(), shared))) ++good;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 3);
  EXPECT_EQ(world.service().enrolment().tokens({})->items.at(0).uses_left, 0u);
}

TEST_F(EnrolmentTest, ARevokedIdStaysTaken) {
  auto const key = make_device_key();
  auto const shared = token(5);
  ASSERT_TRUE(enrol(request("cam-1", key, shared)));
  ASSERT_TRUE(world.service().devices().revoke(*DeviceId::parse("cam-1")));
  EXPECT_EQ(enrol(request("cam-1", key, shared)).error().code, Code::conflict);
  EXPECT_EQ(world.service().devices().revoke(*DeviceId::parse("cam-1")).error().code,
            Code::not_found);
}

TEST_F(EnrolmentTest, ACertificateIsRenewedForTheSameKeyOnly) {
  auto const key = make_device_key();
  auto const id = *DeviceId::parse("cam-1");
  ASSERT_TRUE(enrol(request("cam-1", key, token(1))));
  auto const renew = [&](std::string const& name, std::string const& with) {
    return world.service().enrolment().renew(id, request(name, with, "").csr);
  };
  world.clock.pass_ms(86400'000);
  auto const renewed = renew("cam-1", key);
  ASSERT_TRUE(renewed) << renewed.error().what;
  EXPECT_EQ(renewed->until_ms / 1000, world.clock.now_ms() / 1000 + 825 * 86400);
  EXPECT_EQ(world.service().devices().get(id)->certificate_until_ms, renewed->until_ms);
  EXPECT_EQ(renew("cam-1", make_device_key()).error().code, Code::conflict);
  EXPECT_EQ(renew("cam-2", key).error().code, Code::invalid);
  EXPECT_EQ(world.service()
                .enrolment()
                .renew(*DeviceId::parse("cam-9"), request("cam-9", key, "").csr)
                .error()
                .code,
            Code::denied);
  ASSERT_TRUE(world.service().devices().revoke(id));
  EXPECT_EQ(renew("cam-1", key).error().code, Code::denied);
}

TEST_F(EnrolmentTest, ADeviceRenewsSoOftenInADay) {
  auto const key = make_device_key();
  auto const id = *DeviceId::parse("cam-1");
  ASSERT_TRUE(enrol(request("cam-1", key, token(1))));
  auto const renew = [&] {
    auto const renewed = world.service().enrolment().renew(id, request("cam-1", key, "").csr);
    return renewed ? std::nullopt : std::optional(renewed.error().code);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(renew(), std::nullopt);
  EXPECT_EQ(renew(), Code::retry);
  world.clock.pass_ms(86400'000);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(renew(), std::nullopt);
  EXPECT_EQ(renew(), Code::retry);
  EXPECT_EQ(world.service().jobs().figures()->certificates_expiring, 0);
  world.clock.pass_ms(800 * 86400'000LL);
  EXPECT_EQ(world.service().jobs().figures()->certificates_expiring, 1);
}

TEST_F(EnrolmentTest, TokensCanBeDeleted) {
  auto const created = *world.service().enrolment().create_token(1, 60, "note");
  EXPECT_TRUE(world.service().enrolment().delete_token(created.id));
  EXPECT_EQ(world.service().enrolment().delete_token(created.id).error().code, Code::not_found);
  EXPECT_EQ(world.service().enrolment().delete_token("x").error().code, Code::not_found);
  EXPECT_EQ(enrol(request("cam-1", make_device_key(), created.token)).error().code, Code::denied);
  EXPECT_EQ(world.service().enrolment().create_token(0, 60, "").error().code, Code::invalid);
}

TEST(Tokens, AreKnownByTheirHashOnly) {
  World world;
  auto& tokens = world.service().tokens();
  auto const token = *tokens.create("ci", "operator");
  EXPECT_EQ(tokens.authenticate(token)->role, "operator");
  EXPECT_EQ(tokens.authenticate(token + "x").error().code, Code::denied);
  EXPECT_EQ(tokens.create("ci", "king").error().code, Code::invalid);
  auto const rows = *world.database->transact([&](Tx& tx) -> Result<size_t> {
    return tx
        .run("SELECT 1 FROM api_token t WHERE t::text LIKE '%' || $1 || '%'", {token.substr(4)})
        .size();
  });
  EXPECT_EQ(rows, 0u);
}

TEST(Tokens, AreListedAndTakenBackByTheirName) {
  World world;
  auto& tokens = world.service().tokens();
  auto const alice = *tokens.create("alice", "operator");
  auto const again = *tokens.create("alice", "viewer");
  auto const robot = *tokens.create("robot", "release_manager");
  auto const listed = *list_tokens(world.config());
  ASSERT_EQ(listed.size(), 3u);
  EXPECT_EQ(listed[0].name + " " + listed[0].role, "alice operator");
  EXPECT_EQ(listed[2].name + " " + listed[2].role, "robot release_manager");
  ASSERT_TRUE(revoke_tokens(world.config(), world.clock, "alice"));
  EXPECT_EQ(tokens.authenticate(alice).error().code, Code::denied) << "by a server that runs";
  EXPECT_EQ(tokens.authenticate(again).error().code, Code::denied);
  EXPECT_TRUE(tokens.authenticate(robot));
  EXPECT_EQ(list_tokens(world.config())->size(), 1u);
  EXPECT_EQ(revoke_tokens(world.config(), world.clock, "alice").error().code, Code::not_found);
}

TEST(Tokens, ARequestWithAKeyRunsOnce) {
  World world;
  auto& tokens = world.service().tokens();
  auto const who = *tokens.authenticate(*tokens.create("ci", "admin"));
  auto const content = proto::sha256(as_bytes("body"));
  EXPECT_FALSE(*tokens.begin_request(who, "k1", content)) << "ours to run";
  EXPECT_EQ(tokens.begin_request(who, "k1", content).error().code, Code::conflict) << "running";
  ASSERT_TRUE(tokens.finish_request(who, "k1", {201, "{}", "\"1\""}));
  auto const stored = *tokens.begin_request(who, "k1", content);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->status, 201);
  EXPECT_EQ(stored->etag, "\"1\"");
  EXPECT_EQ(tokens.begin_request(who, "k1", proto::sha256(as_bytes("other"))).error().code,
            Code::conflict);
  EXPECT_FALSE(*tokens.begin_request(who, "k2", content));
  ASSERT_TRUE(tokens.drop_request(who, "k2"));
  EXPECT_FALSE(*tokens.begin_request(who, "k2", content)) << "free again";
  world.clock.pass_ms(61'000);
  EXPECT_FALSE(*tokens.begin_request(who, "k2", content)) << "the server had died";
}

TEST(Devices, AreChangedOnlyAsTheyWereSeen) {
  World world;
  SimDevice sim(world, "cam-1");
  auto& devices = world.service().devices();
  auto const seen = *devices.get(sim.id());
  auto const changed =
      *devices.patch(sim.id(), {.tags = {{"canary", "lab"}}, .attributes = {}}, seen.rev);
  EXPECT_THAT(changed.tags, ::testing::ElementsAre("canary", "lab"));
  EXPECT_EQ(devices.patch(sim.id(), {.tags = {}, .attributes = {}}, seen.rev).error().code,
            Code::conflict);
  EXPECT_EQ(devices.patch(sim.id(), {.tags = {{"not a tag"}}, .attributes = {}}, {}).error().code,
            Code::invalid);
  EXPECT_EQ(devices.get(*DeviceId::parse("nobody")).error().code, Code::not_found);
}

TEST(Devices, PresenceFollowsTheEpochOfTheHello) {
  World world;
  SimDevice sim(world, "cam-1");
  auto const online = [&] { return world.service().devices().get(sim.id())->online; };
  EXPECT_FALSE(online());
  sim.reboot();
  sim.hello();
  EXPECT_TRUE(online());
  auto& link = world.service().device_link();
  ASSERT_TRUE(link.on_presence(sim.id(), {.epoch = 1, .online = false}));
  EXPECT_TRUE(online()) << "the will of the connection before";
  ASSERT_TRUE(link.on_presence(sim.id(), {.epoch = 2, .online = false}));
  EXPECT_FALSE(online());
  EXPECT_EQ(
      link.on_presence(*DeviceId::parse("nobody"), {.epoch = 2, .online = false}).error().code,
      Code::denied);
}

TEST(Filters, AreStoredUnderTheirName) {
  World world;
  auto& devices = world.service().devices();
  EXPECT_EQ(devices.put_filter("lab", "tag==lab", 0)->rev, 1);
  EXPECT_EQ(devices.put_filter("lab", "tag==lab2", 0).error().code, Code::conflict);
  EXPECT_EQ(devices.put_filter("lab", "tag==lab2", 1)->rev, 2);
  EXPECT_EQ(devices.put_filter("lab", "tag==lab3", std::nullopt)->rev, 3);
  EXPECT_EQ(devices.put_filter("lab", "tag=", {}).error().code, Code::invalid);
  EXPECT_EQ(devices.filters({})->items.size(), 1u);
  EXPECT_EQ(devices.delete_filter("lab", devices.filter("lab")->rev + 1).error().code,
            Code::conflict);
  EXPECT_TRUE(devices.delete_filter("lab"));
  EXPECT_EQ(devices.filter("lab").error().code, Code::not_found);
}

TEST(Filters, AreUsedByRolloutsAsTheyWereThen) {
  World world;
  world.publish("1.0.0", noise(1000, 1));
  SimDevice(world, "cam-1").hello();
  SimDevice(world, "cam-2").hello();
  auto& devices = world.service().devices();
  ASSERT_TRUE(devices.put_filter("one", "id==cam-1", 0));
  auto request = rollout_of("1.0.0");
  request.start = false;
  request.saved_filter = "one";
  EXPECT_EQ(world.service().rollouts().dry_run(request)->devices, 1u);
  auto const rollout = *world.service().rollouts().create(request);
  ASSERT_TRUE(devices.put_filter("one", "id==cam-2", {}));
  auto const seen = *world.service().rollouts().get(rollout.id);
  EXPECT_EQ(seen.filter, "id==cam-1");
  EXPECT_EQ(seen.devices, 1u);
  request.saved_filter = "none";
  EXPECT_EQ(world.service().rollouts().create(request).error().code, Code::not_found);
  request.filter = "id==cam-1";
  EXPECT_EQ(world.service().rollouts().create(request).error().code, Code::invalid);
}

TEST(Events, TellEachChangeInOrderOnce) {
  World world;
  world.publish("1.0.0", noise(1000, 1));
  SimDevice sim(world, "cam-1");
  sim.hello();
  auto& events = world.service().events();
  EXPECT_EQ(*events.last(), 0);
  auto const rollout = *world.service().rollouts().create(rollout_of("1.0.0"));
  world.tick();
  sim.update(sim.hint(), "1.0.0");
  world.tick();
  auto const all = *events.read(0, rollout.id, 100);
  std::string story;
  for (auto const& event : all) {
    story += event.rollout ? "R:" + std::string(proto::to_string(event.rollout->state))
                           : "A:" + std::string(proto::to_string(event.attempt->state));
    story += ' ';
  }
  EXPECT_EQ(story,
            "R:draft R:running A:notified A:downloading A:verifying A:installing A:trial "
            "A:succeeded R:succeeded ");
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].number, static_cast<int64_t>(i) + 1);
  EXPECT_EQ(events.read(all[4].number, rollout.id, 2)->size(), 2u);
  EXPECT_TRUE(events.read(0, rollout.id + 1, 100)->empty());
  EXPECT_EQ(*events.wait(*events.last(), 50), *events.last()) << "nothing new";
}

TEST(Events, AWaiterIsWoken) {
  World world;
  world.publish("1.0.0", noise(1000, 1));
  SimDevice sim(world, "cam-1");
  sim.hello();
  auto& events = world.service().events();
  ASSERT_TRUE(events.wait(0, 1));  // begins to listen
  int64_t seen = 0;
  std::thread waiter([&] { seen = *events.wait(0, 20'000); });
  ASSERT_TRUE(world.service().rollouts().create(rollout_of("1.0.0")));
  waiter.join();
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace godwit::test
