// The server's MQTT link at a real broker: whatever devices send, each bad message is refused,
// told to a sender that can be told, counted, and hurts nobody else.
#include <gtest/gtest.h>

#include <sstream>

#include "proto/base/limits.h"
#include "server/link/mqtt_link.h"
#include "tests/integration/server/service/world.h"
#include "tests/support/device.h"
#include "tests/support/mosquitto.h"

namespace godwit::test {
namespace {

class BrokerTest : public testing::Test {
 protected:
  BrokerTest() {
    world.publish("1.0.0", noise(2000, 1));
    auto const pki = folder_.path() / "pki";
    std::filesystem::create_directories(pki);
    write_file(pki / "ca.crt", server_ca_.certificate);
    issue(broker.server_client_ca(), "godwit-server").write(pki, "server");
    auto started = server::MqttLink::start(
        {"127.0.0.1", broker.server_port(), pki / "ca.crt", pki / "server.crt", pki / "server.key"},
        [this](std::vector<server::UpMessage> messages) {
          return world.service().device_link().on_batch(std::move(messages));
        },
        metrics_);
    EXPECT_TRUE(started);
    link = *std::move(started);
    EXPECT_TRUE(eventually([&] { return link->connected(); }));
  }
  ~BrokerTest() override { link->stop(); }

  /// A device that the database knows, at the broker with its own certificate.
  auto connect(std::string const& id) -> std::unique_ptr<MqttDevice> {
    if (!known_.contains(id)) known_.emplace(id, std::make_unique<SimDevice>(world, id));
    return stranger(id);
  }
  auto stranger(std::string const& id) -> std::unique_ptr<MqttDevice> {
    return std::make_unique<MqttDevice>(broker.device_port(), folder_.path(),
                                        server_ca_.certificate, issue(device_ca_, id), id);
  }
  auto counted(std::string const& kind, std::string const& outcome) const -> uint64_t {
    auto const series =
        "godwit_mqtt_messages_total{kind=\"" + kind + "\",outcome=\"" + outcome + "\"} ";
    std::istringstream text(metrics_.render());
    for (std::string line; std::getline(text, line);)
      if (line.starts_with(series)) return std::stoull(line.substr(series.size()));
    return 0;
  }
  auto online(std::string const& id) -> bool {
    auto const device = world.service().devices().get(*DeviceId::parse(id));
    return device && device->online;
  }
  static auto hello() -> proto::Hello {
    proto::Hello hello;
    hello.agent = "test";
    hello.facts = {"cam-v2", "x86_64", 1, 1u << 20, 1u << 22};
    return hello;
  }
  void say_hello(MqttDevice& device, std::string const& id) {
    device.hello(hello());
    EXPECT_TRUE(eventually([&] { return online(id); })) << id;
  }

 private:
  TemporaryFolder folder_{"link"};
  Credentials server_ca_ = make_ca("servers");
  Credentials device_ca_ = make_ca("devices");
  server::Metrics metrics_;
  std::map<std::string, std::unique_ptr<SimDevice>> known_;

 protected:
  World world;
  Mosquitto broker{folder_.path() / "broker", server_ca_, device_ca_};
  std::unique_ptr<server::MqttLink> link;
};

TEST_F(BrokerTest, MalformedMessagesAreRefusedToldAndCounted) {
  auto const device = connect("cam-1");
  say_hello(*device, "cam-1");
  auto const events = *world.service().events().last();
  std::string const start = R"({"v":1,"epoch":1,"seq":7,"attempt":1,"rev":1)";
  uint64_t refused = 0;
  for (auto const& payload :
       {start + "}", start + R"(,"state":"flying"})", start + R"(,"state":"trial","percent":101})",
        start + R"(,"state":"trial","message":")" + std::string(300, 'm') + "\"}",
        start + R"(,"state":"trial","health":{"inferences":-1}})",
        start + R"(,"state":"trial","component":{"running":{}}})",
        std::string(R"({"v":2,"epoch":1,"seq":7})")}) {
    device->publish("v1/d/cam-1/up/job", payload);
    auto const ack = device->ack();
    ASSERT_TRUE(ack) << payload;
    EXPECT_EQ(ack->error, "invalid_message") << payload;
    EXPECT_EQ(ack->seq, 7u);
    EXPECT_EQ(counted("job", "refused"), ++refused);
  }
  // Those that say no number cannot be told.
  for (auto const& payload : {std::string(), std::string("{"), std::string("\xff\xfe"),
                              std::string(5000, '['), std::string(R"({"epoch":-1,"seq":1})"),
                              std::string(R"({"v":1,"v":1})"), std::string("\0\0", 2)}) {
    device->publish("v1/d/cam-1/up/job", payload);
    EXPECT_TRUE(eventually([&] { return counted("job", "refused") == refused + 1; })) << payload;
    ++refused;
  }
  EXPECT_EQ(*world.service().events().last(), events);
  EXPECT_TRUE(online("cam-1"));
}

TEST_F(BrokerTest, TextThatADatabaseCannotHoldHurtsNobody) {
  auto const device = connect("cam-1");
  auto const other = connect("cam-2");
  device->publish("v1/d/cam-1/up/hello",
                  R"({"v":1,"epoch":1,"seq":1,"agent":"a\u0000b","hw":"cam\u0000v2","arch":"x",)"
                  R"("engine":1,"ram":9223372036854775807,"flash":0})");
  say_hello(*other, "cam-2");
  EXPECT_TRUE(eventually([&] { return counted("hello", "taken") == 2; }));
  device->hello(hello());
  EXPECT_TRUE(eventually([&] { return online("cam-1"); }));
}

TEST_F(BrokerTest, ForeignAndUnknownTopicsReachNobody) {
  auto const device = connect("cam-1");
  auto const other = connect("cam-2");
  say_hello(*other, "cam-2");
  device->publish("v1/d/cam-2/up/pres", R"({"v":1,"epoch":99,"online":false})");
  device->publish("v1/d/cam-2/dn/job",
                  R"({"v":1,"attempt":1,"rev":1,"op":"update","component":"ic"})");
  for (auto const* topic : {"v1/d/cam-1/up/nothing", "v1/d/cam-1/up/hello/more", "v1/d/cam-1/up/"})
    device->publish(topic, "{}");
  EXPECT_TRUE(eventually([&] { return counted("unknown", "refused") == 3; }));
  say_hello(*device, "cam-1");  // behind the others, in order
  EXPECT_TRUE(online("cam-2"));
  EXPECT_FALSE(other->job(0));
}

TEST_F(BrokerTest, OversizedMessagesAreRefusedAndCounted) {
  auto const device = connect("cam-1");
  for (size_t const size : {limits::kDeviceMessageBytesMax + 1, size_t{1} << 20})
    device->publish("v1/d/cam-1/up/job", std::string(size, ' '));
  EXPECT_TRUE(eventually([&] { return counted("unknown", "refused") == 2; }));
  say_hello(*device, "cam-1");
}

TEST_F(BrokerTest, DuplicatesAreAcknowledgedAndCountOnce) {
  auto const device = connect("cam-1");
  say_hello(*device, "cam-1");
  ASSERT_TRUE(world.service().rollouts().create(rollout_of("1.0.0")));
  ASSERT_TRUE(world.service().jobs().tick(*link));
  auto const hint = device->job();
  ASSERT_TRUE(hint);
  proto::JobReport report;
  report.attempt = hint->attempt;
  report.rev = hint->rev;
  report.state = proto::AttemptState::downloading;
  auto const ack = device->report(report);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->error, "");
  auto const events = *world.service().events().last();
  report.epoch = ack->epoch;
  report.seq = ack->seq;
  for (int i = 0; i < 20; ++i) device->publish("v1/d/cam-1/up/job", proto::encode(report));
  for (int i = 0; i < 20; ++i) {
    auto const again = device->ack();
    ASSERT_TRUE(again) << i;
    EXPECT_EQ(again->error, "");
  }
  EXPECT_EQ(*world.service().events().last(), events);
}

TEST_F(BrokerTest, AFloodOfJunkDoesNotKeepOthersFromBeingHeard) {
  auto const device = connect("cam-1");
  auto const other = connect("cam-2");
  for (int i = 0; i < 2000; ++i)
    device->publish("v1/d/cam-1/up/job", "{\"junk\":" + std::to_string(i));
  say_hello(*other, "cam-2");
}

TEST_F(BrokerTest, ADeviceThatNobodyEnrolledChangesNothing) {
  auto const device = stranger("cam-9");
  auto const events = *world.service().events().last();
  device->hello(hello());
  proto::JobReport report;
  report.attempt = 1;
  report.rev = 1;
  for (int i = 0; i < 10; ++i) device->publish("v1/d/cam-9/up/job", proto::encode(report));
  EXPECT_TRUE(eventually([&] { return counted("job", "taken") == 10; }));
  EXPECT_FALSE(device->ack(0));
  EXPECT_EQ(*world.service().events().last(), events);
  EXPECT_FALSE(world.service().devices().get(*DeviceId::parse("cam-9")));
  say_hello(*connect("cam-1"), "cam-1");
}

TEST_F(BrokerTest, ARestartedBrokerIsFoundAgain) {
  auto device = connect("cam-1");
  say_hello(*device, "cam-1");
  ASSERT_TRUE(world.service().rollouts().create(rollout_of("1.0.0")));
  device.reset();
  broker.stop();
  EXPECT_TRUE(eventually([&] { return !link->connected(); }));
  ASSERT_TRUE(world.service().jobs().tick(*link));  // a hint into the void
  broker.start();
  EXPECT_TRUE(eventually([&] { return link->connected(); }));
  device = connect("cam-1");
  device->hello(hello());
  auto const hint = device->job();  // the answer to a hello is the work there is
  ASSERT_TRUE(hint);
  proto::JobReport report;
  report.attempt = hint->attempt;
  report.rev = hint->rev;
  report.state = proto::AttemptState::downloading;
  auto const ack = device->report(report);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->error, "");
}

}  // namespace
}  // namespace godwit::test
