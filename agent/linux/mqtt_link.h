// The Link port over MQTT 5 (libmosquitto, TLS with the device's certificate). The library's thread
// only queues what happened; the agent's one thread takes it.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>

#include "agent/core/ports.h"
#include "agent/linux/file_descriptor.h"
#include "agent/linux/tls.h"

struct mosquitto;
struct mosquitto_message;

namespace godwit::agent {

class MqttLink : public Link {
 public:
  struct Connected {};  // and subscribed: what is sent down from now on arrives
  struct Disconnected {};
  struct Message {
    proto::Down what;
    std::string payload;
  };
  using Event = std::variant<Connected, Disconnected, Message>;

  struct Settings {
    DeviceId device;
    std::string host;
    uint16_t port;
    TlsFiles files;
    std::string will;  // payload of up/pres when we vanish
  };
  /// Connects in the background, and again whenever the connection is lost.
  static auto open(Settings settings) -> Result<std::unique_ptr<MqttLink>>;
  ~MqttLink() override;

  void publish(proto::Up what, std::string const& payload) override;
  /// Readable when events wait.
  auto wake_fd() const -> int { return wake_.get(); }
  auto take_events() -> std::deque<Event>;
  /// Says goodbye (the will's payload, sent in the ordinary way), waits a moment for it,
  /// disconnects.
  void close();

 private:
  MqttLink(Settings settings, FileDescriptor wake, FileDescriptor stop);
  void push(Event event);
  void run();
  static void on_connect(mosquitto* client, void* self, int reason);
  static void on_subscribe(mosquitto* client, void* self, int id, int count, int const* granted);
  static void on_disconnect(mosquitto* client, void* self, int reason);
  static void on_message(mosquitto* client, void* self, ::mosquitto_message const* message);

  Settings settings_;
  FileDescriptor wake_;
  FileDescriptor stop_;  // readable once the connection is to end for good
  mosquitto* client_ = nullptr;
  std::atomic<bool> connected_ = false;
  std::thread thread_;
  std::mutex mutex_;
  std::deque<Event> events_;
};

}  // namespace godwit::agent
