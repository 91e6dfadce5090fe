#include "agent/linux/mqtt_link.h"

#include <mosquitto.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "agent/linux/log.h"
#include "proto/base/limits.h"

namespace godwit::agent {
namespace {

constexpr int kKeepAliveS = 60;
constexpr int kReconnectMsMin = 500;
constexpr int kReconnectMsMax = 60'000;
constexpr int kLoopMs = 1000;
constexpr size_t kEventsMax = 64;  // more messages are dropped: the server repeats them

auto failure(int code, std::string_view what) -> Error {
  return internal(std::string(what) + ": " + mosquitto_strerror(code));
}

/// libmosquitto's global state, once for the process.
auto library() -> int {
  static int const code = mosquitto_lib_init();
  return code;
}

}  // namespace

MqttLink::MqttLink(Settings settings, FileDescriptor wake, FileDescriptor stop)
    : settings_(std::move(settings)), wake_(std::move(wake)), stop_(std::move(stop)) {}

auto MqttLink::open(Settings settings) -> Result<std::unique_ptr<MqttLink>> {
  if (int const code = library(); code != MOSQ_ERR_SUCCESS) return failure(code, "libmosquitto");
  FileDescriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  FileDescriptor stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake || !stop) return from_errno(errno, "eventfd");
  std::unique_ptr<MqttLink> link(
      new MqttLink(std::move(settings), std::move(wake), std::move(stop)));
  auto const& set = link->settings_;
  link->client_ = mosquitto_new(set.device.str().c_str(), true, link.get());
  if (!link->client_) return from_errno(errno, "mosquitto_new");
  auto* const client = link->client_;
  mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_threaded_set(client, true);
  mosquitto_connect_callback_set(client, on_connect);
  mosquitto_subscribe_callback_set(client, on_subscribe);
  mosquitto_disconnect_callback_set(client, on_disconnect);
  mosquitto_message_callback_set(client, on_message);
  int code = mosquitto_tls_set(client, set.files.ca.c_str(), nullptr, set.files.certificate.c_str(),
                               set.files.key.c_str(), nullptr);
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "the device's certificate");
  code = mosquitto_will_set(client, proto::topic(set.device, proto::Up::presence).c_str(),
                            static_cast<int>(set.will.size()), set.will.data(), 1, false);
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "the will");
  link->thread_ = std::thread([self = link.get()] { self->run(); });
  return link;
}

MqttLink::~MqttLink() {
  close();
  if (thread_.joinable()) thread_.join();
  if (client_) mosquitto_destroy(client_);
}

/// libmosquitto's own reconnecting gives up for good at some TLS and protocol errors, such as a
/// broker that vanishes in the middle of a handshake: a device must not.
void MqttLink::run() {
  std::minstd_rand random(std::random_device{}());
  int delay_ms = kReconnectMsMin;
  for (;;) {
    int code = mosquitto_connect(client_, settings_.host.c_str(), settings_.port, kKeepAliveS);
    if (code == MOSQ_ERR_SUCCESS) code = mosquitto_loop_forever(client_, kLoopMs, 1);
    if (connected_.exchange(false)) {
      push(Disconnected{});
      delay_ms = kReconnectMsMin;
    }
    pollfd wanted{stop_.get(), POLLIN, 0};
    int const jittered_ms =
        delay_ms / 2 + static_cast<int>(random() % static_cast<unsigned>(delay_ms));
    if (::poll(&wanted, 1, jittered_ms) > 0) return;
    log(LogLevel::debug, "connecting to the broker again", {{"why", mosquitto_strerror(code)}});
    delay_ms = std::min(delay_ms * 2, kReconnectMsMax);
  }
}

void MqttLink::publish(proto::Up what, std::string const& payload) {
  auto const topic = proto::topic(settings_.device, what);
  int const code = mosquitto_publish(client_, nullptr, topic.c_str(),
                                     static_cast<int>(payload.size()), payload.data(), 1, false);
  if (code != MOSQ_ERR_SUCCESS)
    log(LogLevel::debug, "not published", {{"topic", topic}, {"why", mosquitto_strerror(code)}});
}

auto MqttLink::take_events() -> std::deque<Event> {
  uint64_t count = 0;
  [[maybe_unused]] auto const drained = ::read(wake_.get(), &count, sizeof count);
  std::lock_guard const lock(mutex_);
  return std::exchange(events_, {});
}

void MqttLink::close() {
  uint64_t const one = 1;
  [[maybe_unused]] auto const written = ::write(stop_.get(), &one, sizeof one);
  if (!client_) return;
  if (connected_) publish(proto::Up::presence, settings_.will);
  mosquitto_disconnect(client_);  // after what is queued; nothing waits for the answer
}

void MqttLink::push(Event event) {
  {
    std::lock_guard const lock(mutex_);
    if (std::holds_alternative<Message>(event) && events_.size() >= kEventsMax) return;
    events_.push_back(std::move(event));
  }
  uint64_t const one = 1;
  [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
}

void MqttLink::on_connect(mosquitto* client, void* self, int reason) {
  auto& link = *static_cast<MqttLink*>(self);
  if (reason != 0) {
    log(LogLevel::warning, "the broker refuses the connection",
        {{"why", mosquitto_reason_string(reason)}});
    return;
  }
  mosquitto_subscribe(client, nullptr, proto::down_filter(link.settings_.device).c_str(), 1);
}

void MqttLink::on_subscribe(mosquitto*, void* self, int, int count, int const* granted) {
  auto& link = *static_cast<MqttLink*>(self);
  if (count == 1 && granted[0] < 0x80) {
    link.connected_ = true;
    link.push(Connected{});
  } else {
    log(LogLevel::error, "the broker refuses the subscription");
  }
}

/// Ends mosquitto_loop_forever: its caller decides about the next connection.
void MqttLink::on_disconnect(mosquitto* client, void*, int reason) {
  log(LogLevel::info, "disconnected from the broker", {{"why", mosquitto_strerror(reason)}});
  if (reason != 0) mosquitto_disconnect(client);
}

void MqttLink::on_message(mosquitto*, void* self, ::mosquitto_message const* message) {
  auto& link = *static_cast<MqttLink*>(self);
  std::string_view const topic = message->topic;
  auto const size = static_cast<size_t>(message->payloadlen);
  if (size > limits::kDeviceMessageBytesMax) return;
  for (auto const what : {proto::Down::job, proto::Down::ack})
    if (topic == proto::topic(link.settings_.device, what))
      link.push(Message{what, std::string(static_cast<char const*>(message->payload), size)});
}

}  // namespace godwit::agent
