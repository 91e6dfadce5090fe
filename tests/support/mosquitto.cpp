#include "tests/support/mosquitto.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/error.h"

namespace godwit::test {
namespace {

constexpr char kAcl[] = R"(pattern write v1/d/%u/up/#
pattern read v1/d/%u/dn/#
user godwit-server
topic read v1/d/+/up/#
topic write v1/d/+/dn/#
)";

auto accepts(uint16_t port) -> bool {
  int const socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool const connected =
      ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

auto listener(std::filesystem::path const& folder, uint16_t port, std::string const& client_ca)
    -> std::string {
  return "listener " + std::to_string(port) + " 127.0.0.1\ncafile " +
         (folder / client_ca).string() + "\ncertfile " + (folder / "broker.crt").string() +
         "\nkeyfile " + (folder / "broker.key").string() +
         "\nrequire_certificate true\nuse_identity_as_username true\n";
}

}  // namespace

Mosquitto::Mosquitto(std::filesystem::path const& folder, Credentials const& server_ca,
                     Credentials const& device_ca)
    : folder_(folder),
      server_client_ca_(make_ca("godwit test servers")),
      device_port_(free_port()),
      server_port_(free_port()) {
  std::filesystem::create_directories(folder_);
  issue(server_ca, "localhost", true).write(folder_, "broker");
  write_file(folder_ / "devices.crt", device_ca.certificate);
  write_file(folder_ / "servers.crt", server_client_ca_.certificate);
  write_file(folder_ / "acl", kAcl);
  // Root would drop to a user that cannot read the keys.
  std::string const user = ::geteuid() == 0 ? "user root\n" : "";
  write_file(
      folder_ / "mosquitto.conf",
      user + "persistence false\nallow_anonymous false\nmax_queued_messages 10000\nacl_file " +
          (folder_ / "acl").string() + "\n" + listener(folder_, device_port_, "devices.crt") +
          "use_username_as_clientid true\n" + listener(folder_, server_port_, "servers.crt"));
  start();
}

void Mosquitto::start() {
  auto const* program =
      ::access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
  process_ = std::make_unique<Process>(
      std::vector<std::string>{program, "-c", (folder_ / "mosquitto.conf").string()},
      folder_ / "mosquitto.log");
  CHECK(eventually([this] { return accepts(device_port_) && accepts(server_port_); }));
}

void Mosquitto::stop() {
  process_->signal(SIGTERM);
  process_->wait();
}

}  // namespace godwit::test
