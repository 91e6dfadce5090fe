#include "server/runtime/config.h"

#include <gtest/gtest.h>

#include <map>

namespace godwit::server {
namespace {

constexpr char kWhole[] = R"({
  "database": "postgresql:///godwit", "data_dir": "data",
  "operator": {"address": "127.0.0.1", "port": 8443, "certificate": "s.crt", "key": "/abs/s.key"},
  "device": {"address": "0.0.0.0", "port": 0, "certificate": "s.crt", "key": "s.key",
             "client_ca": "ca.crt"},
  "mqtt": {"host": "broker", "port": 8884, "ca": "ca.crt", "certificate": "m.crt", "key": "m.key"},
  "device_ca": {"certificate": "d.crt", "key": "d.key"},
  "trust": {"image_root": "i.json", "director_root": "d.json", "director_key": "d.key",
            "sealing_key": "s.key"},
  "advertise": {"device_url": "https://ota.example", "mqtt_host": "mqtt.example",
                "mqtt_port": 8883},
  "ports_file": "ports.json", "log": {"level": "debug", "json": true}, "scheduler_tick_ms": 50,
  "http": {"grace_ms": 100}})";

auto parse(std::string_view text, std::map<std::string, std::string> const& environment = {})
    -> Result<ServerConfig> {
  return parse_config(text, "/etc/godwit", [&environment](std::string const& name) {
    auto const found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(Config, ReadsEverySetting) {
  auto const config = parse(kWhole);
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->database, "postgresql:///godwit");
  EXPECT_EQ(config->data_dir, "/etc/godwit/data");
  EXPECT_EQ(config->operators.port, 8443);
  EXPECT_EQ(config->operators.key, "/abs/s.key");
  EXPECT_EQ(config->devices.client_ca, "/etc/godwit/ca.crt");
  EXPECT_EQ(config->mqtt.host, "broker");
  EXPECT_EQ(config->trust.sealing_key, "/etc/godwit/s.key");
  EXPECT_EQ(config->advertise.mqtt_host, "mqtt.example");
  EXPECT_EQ(config->ports_file, "/etc/godwit/ports.json");
  EXPECT_TRUE(config->log.json);
  EXPECT_EQ(config->scheduler_tick_ms, 50u);
  EXPECT_EQ(config->http.grace_ms, 100u);
}

TEST(Config, AdvertisesTheBrokerThatItUsesUnlessTold) {
  auto const config = parse(R"({"database": "x", "data_dir": "d", "mqtt": {"host": "broker"}})");
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->advertise.mqtt_host, "broker");
  EXPECT_EQ(config->advertise.mqtt_port, 8883);
  EXPECT_FALSE(config->ports_file.has_value());
}

TEST(Config, TheEnvironmentOverridesEveryKindOfLeaf) {
  auto const config = parse(kWhole, {{"GODWIT_SERVER_DATABASE", "postgresql:///other"},
                                     {"GODWIT_SERVER_MQTT_HOST", "elsewhere"},
                                     {"GODWIT_SERVER_OPERATOR_PORT", "9443"},
                                     {"GODWIT_SERVER_LOG_JSON", "false"},
                                     {"GODWIT_SERVER_DEVICE_CA_KEY", "other.key"}});
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->database, "postgresql:///other");
  EXPECT_EQ(config->mqtt.host, "elsewhere");
  EXPECT_EQ(config->operators.port, 9443);
  EXPECT_FALSE(config->log.json);
  EXPECT_EQ(config->device_ca.key, "/etc/godwit/other.key");
}

TEST(Config, RefusesWhatItDoesNotKnowOrCannotRead) {
  struct Case {
    char const* text;
    char const* reason;
  };
  Case const cases[] = {
      {"[]", "not a JSON object"},
      {"{", ""},
      {R"({"data_dir": "d"})", "'database' is missing"},
      {R"({"database": "x"})", "'data_dir' is missing"},
      {R"({"database": "x", "data_dir": "d", "databse": "y"})", "unknown setting 'databse'"},
      {R"({"database": "x", "data_dir": "d", "mqtt": {"prot": 1}})", "unknown setting 'mqtt.prot'"},
      {R"({"database": 7, "data_dir": "d"})", "database"},
      {R"({"database": "x", "data_dir": "d", "mqtt": {"port": 70000}})", "mqtt.port"},
      {R"({"database": "x", "data_dir": "d", "mqtt": {"port": "12x"}})", "mqtt.port"},
      {R"({"database": "x", "data_dir": "d", "log": {"json": 1}})", "log.json"},
      {R"({"database": "x", "data_dir": "d", "scheduler_tick_ms": 0})", "scheduler_tick_ms"},
      {R"({"database": "x", "data_dir": "d", "http": {"workers": 0}})", "workers"},
  };
  for (auto const& one : cases) {
    auto const config = parse(one.text);
    ASSERT_FALSE(config) << one.text;
    EXPECT_EQ(config.error().code, Code::invalid);
    EXPECT_NE(config.error().what.find(one.reason), std::string::npos) << config.error().what;
  }
}

}  // namespace
}  // namespace godwit::server
