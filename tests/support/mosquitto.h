// A private Mosquitto with two TLS listeners, as deploy/ sets one up: devices (the certificate's
// name is user name and client id) and servers. It must be the real one.
#pragma once

#include <memory>

#include "tests/support/pki.h"
#include "tests/support/process.h"

namespace godwit::test {

class Mosquitto {
 public:
  /// `device_ca` signs devices' certificates; the broker's own is of `server_ca`.
  Mosquitto(std::filesystem::path const& folder, Credentials const& server_ca,
            Credentials const& device_ca);

  auto device_port() const -> uint16_t { return device_port_; }
  auto server_port() const -> uint16_t { return server_port_; }
  /// Of the CA that the servers' listener trusts.
  auto server_client_ca() const -> Credentials const& { return server_client_ca_; }
  void start();
  void stop();

 private:
  std::filesystem::path folder_;
  Credentials server_client_ca_;
  uint16_t device_port_;
  uint16_t server_port_;
  std::unique_ptr<Process> process_;
};

}  // namespace godwit::test
