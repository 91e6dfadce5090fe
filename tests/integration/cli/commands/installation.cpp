#include "tests/integration/cli/commands/installation.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "proto/json/json.h"
#include "tests/support/postgres/postgres.h"

namespace godwit::test {
namespace {

constexpr char kPrograms[] = GODWIT_BIN;

auto program(char const* name) -> std::string {
  return std::string(kPrograms) + "/" + name;
}

/// The last line of what a program printed.
auto last_line(std::string text) -> std::string {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Installation::Installation() {
  std::filesystem::create_directories(folder() / "pki");
  issue(server_ca_, "server", true).write(folder() / "pki", "server");
  server_ca_.write(folder() / "pki", "server-ca");
  device_ca_.write(folder() / "pki", "device-ca");
  broker_.emplace(folder() / "broker", server_ca_, device_ca_);
  issue(broker_->server_client_ca(), "godwit-server").write(folder() / "pki", "mqtt-server");
  auto const keys = run({program("godwit"), "keys", "init", (folder() / "keys").string()});
  EXPECT_EQ(keys.exit_code, 0) << keys.output;
  write_config();
  start_server();
}

Installation::~Installation() {
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait(), 0) << text_of(folder() / "server.log");
}

void Installation::write_config() const {
  auto const pki = folder() / "pki";
  auto const keys = folder() / "keys";
  auto const at = [](std::filesystem::path const& path) { return Json(path.string()); };
  auto listener = Json::object({{"address", "127.0.0.1"},
                                {"port", 0},
                                {"certificate", at(pki / "server.crt")},
                                {"key", at(pki / "server.key")}});
  auto device = listener;
  device.set("client_ca", at(pki / "device-ca.crt"));
  auto const config = Json::object(
      {{"database", Postgres::instance().fresh_database()},
       {"data_dir", at(folder() / "data")},
       {"operator", listener},
       {"device", device},
       {"mqtt", Json::object({{"host", "127.0.0.1"},
                              {"port", broker_->server_port()},
                              {"ca", at(pki / "server-ca.crt")},
                              {"certificate", at(pki / "mqtt-server.crt")},
                              {"key", at(pki / "mqtt-server.key")}})},
       {"device_ca", Json::object({{"certificate", at(pki / "device-ca.crt")},
                                   {"key", at(pki / "device-ca.key")}})},
       {"trust", Json::object({{"image_root", at(keys / "image" / "root.json")},
                               {"director_root", at(keys / "director" / "root.json")},
                               {"director_key", at(keys / "director.key")},
                               {"sealing_key", at(keys / "server-seal.key")}})},
       {"advertise",
        Json::object({{"mqtt_host", "127.0.0.1"}, {"mqtt_port", broker_->device_port()}})},
       {"ports_file", at(folder() / "ports.json")}});
  write_file(folder() / "server.json", config.dump(2));
}

void Installation::start_server() {
  auto const config = (folder() / "server.json").string();
  auto const token = token_of("admin");
  server_.emplace(std::vector<std::string>{program("godwit-server"), "run", "--config", config},
                  folder() / "server.log");
  auto const ports = folder() / "ports.json";
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(ports); }))
      << text_of(folder() / "server.log");
  auto const json = Json::parse(text_of(ports));
  operator_port_ = static_cast<uint16_t>(json ? json->get_int("operator").value_or(0) : 0);
  environment = {"GODWIT_SERVER=https://127.0.0.1:" + std::to_string(operator_port_),
                 "GODWIT_CA=" + (folder() / "pki" / "server-ca.crt").string(),
                 "GODWIT_TOKEN=" + token,
                 "HOME=" + folder().string(),
                 "PATH=" + std::string(kPrograms) + ":/usr/bin:/bin",
                 "TZ=UTC"};
  EXPECT_TRUE(eventually([&] { return godwit({"status"}).exit_code == 0; }))
      << text_of(folder() / "server.log");
}

auto Installation::token_of(std::string const& role) const -> std::string {
  auto const made = run({program("godwit-server"), "token", "create", "--config",
                         (folder() / "server.json").string(), "--name", role, "--role", role});
  EXPECT_EQ(made.exit_code, 0) << made.output;
  return last_line(made.output);
}

auto Installation::godwit(std::vector<std::string> const& arguments) const -> Finished {
  std::vector<std::string> command = {"env", "-i"};
  command.insert(command.end(), environment.begin(), environment.end());
  command.push_back(program("godwit"));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

auto Installation::shell(std::string const& line) const -> Finished {
  std::vector<std::string> command = {"env", "-i"};
  command.insert(command.end(), environment.begin(), environment.end());
  for (auto const& word : {std::string("bash"), std::string("-c"),
                           "cd '" + folder().string() + "' && { " + line + "\n} </dev/null"})
    command.push_back(word);
  return run(command);
}

auto Installation::enrol(std::string const& id) -> Credentials {
  auto const token = last_line(godwit({"-q", "enrolment-token", "create"}).output);
  Credentials own;
  own.key = make_key();
  HttpsClient client(operator_port_, server_ca_.certificate);
  auto const request = Json::object({{"token", token},
                                     {"device_id", id},
                                     {"csr", make_csr(own.key, id)},
                                     {"sealing_key", to_base64(Bytes(32, 9))},
                                     {"hardware_id", "cam-v2"},
                                     {"attributes", Json::object({{"site", "north"}})}});
  auto const reply = client.request("POST", "/api/v1/enrol", request.dump(),
                                    {{"Content-Type", "application/json"}});
  EXPECT_EQ(reply.status, 201) << reply.body;
  auto const json = Json::parse(reply.body);
  if (json) own.certificate = json->get_string("certificate").value_or("");
  return own;
}

}  // namespace godwit::test
