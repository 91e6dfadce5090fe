// The real server, as a process, with a private database and broker; and `godwit` set up to speak
// to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/support/https_client.h"
#include "tests/support/mosquitto.h"
#include "tests/support/pki.h"
#include "tests/support/process.h"

namespace godwit::test {

class Installation {
 public:
  Installation();
  ~Installation();

  auto folder() const -> std::filesystem::path const& { return folder_.path(); }
  auto operator_port() const -> uint16_t { return operator_port_; }
  auto device_ca() const -> Credentials const& { return device_ca_; }
  auto broker() const -> Mosquitto const& { return *broker_; }
  auto server_ca() const -> Credentials const& { return server_ca_; }
  /// Set for every call of godwit(): GODWIT_SERVER, GODWIT_CA, GODWIT_TOKEN, HOME, TZ.
  std::vector<std::string> environment;

  /// Another token of the same server, by `godwit-server token create`.
  auto token_of(std::string const& role) const -> std::string;
  /// Runs `godwit`; standard output and error together.
  auto godwit(std::vector<std::string> const& arguments) const -> Finished;
  /// The same through a shell, in folder(); `godwit` is in the path.
  auto shell(std::string const& line) const -> Finished;
  /// Enrols a device by REST, as an agent would; its certificate and key.
  auto enrol(std::string const& id) -> Credentials;

 private:
  void write_config() const;
  void start_server();

  TemporaryFolder folder_{"cli"};
  Credentials server_ca_ = make_ca("servers");
  Credentials device_ca_ = make_ca("devices");
  std::optional<Mosquitto> broker_;
  std::optional<Process> server_;
  uint16_t operator_port_ = 0;
};

}  // namespace godwit::test
