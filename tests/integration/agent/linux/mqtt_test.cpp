// The agent's MQTT link and the server's, with a real broker between them.
#include <gtest/gtest.h>

#include <mutex>

#include "agent/linux/mqtt_link.h"
#include "server/link/mqtt_link.h"
#include "tests/support/mosquitto.h"
#include "tests/support/process.h"

namespace godwit::test {
namespace {

class AgentLinkTest : public testing::Test {
 protected:
  AgentLinkTest() {
    write_file(path("ca.crt"), server_ca_.certificate);
    issue(broker.server_client_ca(), "godwit-server").write(folder_.path(), "server");
    server = *server::MqttLink::start(
        {"127.0.0.1", broker.server_port(), path("ca.crt"), path("server.crt"), path("server.key")},
        [this](std::vector<server::UpMessage> messages) {
          std::lock_guard const lock(mutex_);
          for (auto& message : messages) heard_.push_back(std::move(message));
          return std::vector<server::DownMessage>();
        },
        metrics_);
  }
  ~AgentLinkTest() override { server->stop(); }

  auto connect(std::string const& id) -> std::unique_ptr<agent::MqttLink> {
    issue(device_ca_, id).write(folder_.path(), id);
    auto link = agent::MqttLink::open({*DeviceId::parse(id),
                                       "127.0.0.1",
                                       broker.device_port(),
                                       {path("ca.crt"), path(id + ".crt"), path(id + ".key")},
                                       proto::encode(proto::Presence{7, false})});
    EXPECT_TRUE(link);
    return *std::move(link);
  }
  template <typename Kind>
  static auto happens(agent::MqttLink& link) -> std::optional<Kind> {
    std::optional<Kind> found;
    eventually([&] {
      for (auto& event : link.take_events())
        if (auto* kind = std::get_if<Kind>(&event)) found = std::move(*kind);
      return found.has_value();
    });
    return found;
  }
  /// What the server heard of that device, as many messages as that.
  auto heard(std::string const& id, size_t count) -> std::vector<server::UpMessage> {
    std::vector<server::UpMessage> found;
    eventually([&] {
      std::lock_guard const lock(mutex_);
      found.clear();
      for (auto const& message : heard_)
        if (message.device.str() == id) found.push_back(message);
      return found.size() >= count;
    });
    return found;
  }
  auto path(std::string const& name) const -> std::string { return folder_.path() / name; }

 private:
  TemporaryFolder folder_{"mqtt"};
  Credentials server_ca_ = make_ca("servers");
  Credentials device_ca_ = make_ca("devices");
  server::Metrics metrics_;
  std::mutex mutex_;
  std::vector<server::UpMessage> heard_;

 protected:
  Mosquitto broker{folder_.path() / "broker", server_ca_, device_ca_};
  std::unique_ptr<server::MqttLink> server;
};

TEST_F(AgentLinkTest, SaysAndHearsOverARestartOfTheBroker) {
  EXPECT_TRUE(eventually([&] { return server->connected(); }));
  auto const link = connect("cam-1");
  ASSERT_TRUE(happens<agent::MqttLink::Connected>(*link));
  link->publish(proto::Up::presence, proto::encode(proto::Presence{7, true}));
  EXPECT_EQ(heard("cam-1", 1).size(), 1u);
  broker.stop();
  ASSERT_TRUE(happens<agent::MqttLink::Disconnected>(*link));
  broker.start();
  ASSERT_TRUE(happens<agent::MqttLink::Connected>(*link));
  EXPECT_TRUE(eventually([&] { return server->connected(); }));
  server->send({*DeviceId::parse("cam-1"),
                proto::JobHint{.attempt = 3, .rev = 1, .op = "update", .component = "ic"}});
  auto const hint = happens<agent::MqttLink::Message>(*link);
  ASSERT_TRUE(hint);
  EXPECT_EQ(hint->what, proto::Down::job);
  EXPECT_EQ(proto::decode_job_hint(hint->payload)->attempt, 3u);
}

TEST_F(AgentLinkTest, HearsNothingThatIsForAnother) {
  EXPECT_TRUE(eventually([&] { return server->connected(); }));
  auto const link = connect("cam-1");
  ASSERT_TRUE(happens<agent::MqttLink::Connected>(*link));
  for (auto const* id : {"cam-2", "cam-1"})
    server->send(
        {*DeviceId::parse(id),
         proto::JobHint{
             .attempt = id[4] == '1' ? 1u : 2u, .rev = 1, .op = "update", .component = "ic"}});
  auto const hint = happens<agent::MqttLink::Message>(*link);
  ASSERT_TRUE(hint);
  EXPECT_EQ(proto::decode_job_hint(hint->payload)->attempt, 1u);
}

TEST_F(AgentLinkTest, SaysGoodbyeWhenItEndsInOrder) {
  EXPECT_TRUE(eventually([&] { return server->connected(); }));
  auto link = connect("cam-1");
  ASSERT_TRUE(happens<agent::MqttLink::Connected>(*link));
  link->close();
  link.reset();
  auto const said = heard("cam-1", 1);
  ASSERT_FALSE(said.empty());
  auto const* presence = std::get_if<proto::Presence>(&said.back().content);
  ASSERT_TRUE(presence);
  EXPECT_EQ(presence->epoch, 7u);
  EXPECT_FALSE(presence->online);
}

}  // namespace
}  // namespace godwit::test
