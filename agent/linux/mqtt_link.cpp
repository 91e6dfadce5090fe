#include "agent/linux/mqtt_link.h"

#include <mosquitto.h>
#include <sys/eventfd.h>

#include "agent/linux/log.h"
#include "proto/base/limits.h"

namespace godwit::agent {
namespace {

constexpr int kKeepAliveS = 60;
constexpr unsigned kReconnectSMin = 1;
constexpr unsigned kReconnectSMax = 60;
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

MqttLink::MqttLink(Settings settings, FileDescriptor wake)
    : settings_(std::move(settings)), wake_(std::move(wake)) {}

auto MqttLink::open(Settings settings) -> Result<std::unique_ptr<MqttLink>> {
  if (int const code = library(); code != MOSQ_ERR_SUCCESS) return failure(code, "libmosquitto");
  FileDescriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return from_errno(errno, "eventfd");
  std::unique_ptr<MqttLink> link(new MqttLink(std::move(settings), std::move(wake)));
  auto const& set = link->settings_;
  link->client_ = mosquitto_new(set.device.str().c_str(), true, link.get());
  if (!link->client_) return from_errno(errno, "mosquitto_new");
  auto* const client = link->client_;
  mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_reconnect_delay_set(client, kReconnectSMin, kReconnectSMax, true);
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
  code = mosquitto_connect_async(client, set.host.c_str(), set.port, kKeepAliveS);
  if (code != MOSQ_ERR_SUCCESS && code != MOSQ_ERR_ERRNO && code != MOSQ_ERR_EAI)
    return failure(code, "connecting to the broker");
  code = mosquitto_loop_start(client);
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "the MQTT thread");
  return link;
}

MqttLink::~MqttLink() {
  if (!client_) return;
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, false);
  mosquitto_destroy(client_);
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
  publish(proto::Up::presence, settings_.will);
  // A graceful disconnect lets the library's thread send what is queued; nothing waits for the
  // answer.
  mosquitto_disconnect(client_);
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
  if (count == 1 && granted[0] < 0x80) {
    static_cast<MqttLink*>(self)->push(Connected{});
  } else {
    log(LogLevel::error, "the broker refuses the subscription");
  }
}

void MqttLink::on_disconnect(mosquitto*, void* self, int reason) {
  log(LogLevel::info, "disconnected from the broker", {{"why", mosquitto_strerror(reason)}});
  static_cast<MqttLink*>(self)->push(Disconnected{});
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
