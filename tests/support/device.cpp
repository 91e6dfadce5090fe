#include "tests/support/device.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "proto/base/error.h"
#include "proto/wire/topics.h"

namespace godwit::test {
namespace {

constexpr int kAckTimeoutMs = 2'000;
constexpr int kReportsMax = 10;

auto library_ready() -> bool {
  static int const result = mosquitto_lib_init();
  return result == MOSQ_ERR_SUCCESS;
}

}  // namespace

MqttDevice::MqttDevice(uint16_t port, std::filesystem::path const& folder,
                       std::string const& server_ca, Credentials const& own, std::string id,
                       uint64_t epoch)
    : id_(std::move(id)), epoch_(epoch) {
  CHECK(library_ready());
  own.write(folder, "mqtt-" + id_);
  write_file(folder / "mqtt-ca.crt", server_ca);
  client_ = mosquitto_new(id_.c_str(), true, this);
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  auto const path = [&folder](std::string const& name) { return (folder / name).string(); };
  CHECK(mosquitto_tls_set(client_, path("mqtt-ca.crt").c_str(), nullptr,
                          path("mqtt-" + id_ + ".crt").c_str(),
                          path("mqtt-" + id_ + ".key").c_str(), nullptr) == 0);
  auto const device = *DeviceId::parse(id_);
  auto const will = proto::encode(proto::Presence{epoch_, false});
  mosquitto_will_set(client_, proto::topic(device, proto::Up::presence).c_str(),
                     static_cast<int>(will.size()), will.data(), 1, false);
  mosquitto_message_callback_set(
      client_, [](::mosquitto*, void* self, mosquitto_message const* message) {
        static_cast<MqttDevice*>(self)->on_message(
            message->topic,
            {static_cast<char const*>(message->payload), static_cast<size_t>(message->payloadlen)});
      });
  mosquitto_subscribe_callback_set(client_, [](::mosquitto*, void* self, int, int, int const*) {
    auto* device_of = static_cast<MqttDevice*>(self);
    std::lock_guard const lock(device_of->mutex_);
    device_of->connected_ = true;
    device_of->arrived_.notify_all();
  });
  CHECK(mosquitto_connect(client_, "127.0.0.1", port, 30) == MOSQ_ERR_SUCCESS);
  CHECK(mosquitto_loop_start(client_) == MOSQ_ERR_SUCCESS);
  mosquitto_subscribe(client_, nullptr, proto::down_filter(device).c_str(), 1);
  std::unique_lock lock(mutex_);
  CHECK(arrived_.wait_for(lock, std::chrono::seconds(20), [this] { return connected_; }));
}

MqttDevice::~MqttDevice() {
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, false);  // by force it would end the thread with locks held
  mosquitto_destroy(client_);
}

void MqttDevice::on_message(std::string const& topic, std::string_view payload) {
  std::lock_guard const lock(mutex_);
  if (topic.ends_with("/dn/job")) {
    if (auto hint = proto::decode_job_hint(payload)) jobs_.push_back(*std::move(hint));
  } else if (auto ack_message = proto::decode_ack(payload)) {
    acks_.push_back(*std::move(ack_message));
  }
  arrived_.notify_all();
}

void MqttDevice::publish(std::string const& topic, std::string const& payload) {
  mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                    payload.data(), 1, false);
}

void MqttDevice::hello(proto::Hello hello) {
  hello.epoch = epoch_;
  hello.seq = ++seq_;
  publish(proto::topic(*DeviceId::parse(id_), proto::Up::hello), proto::encode(hello));
}

auto MqttDevice::report(proto::JobReport report) -> std::optional<proto::Ack> {
  report.epoch = epoch_;
  report.seq = ++seq_;
  for (int i = 0; i < kReportsMax; ++i) {
    publish(proto::topic(*DeviceId::parse(id_), proto::Up::job), proto::encode(report));
    for (;;) {
      auto const answer = ack(kAckTimeoutMs);
      if (!answer) break;
      if (answer->epoch == report.epoch && answer->seq >= report.seq) return answer;
    }
  }
  return std::nullopt;
}

auto MqttDevice::job(int timeout_ms) -> std::optional<proto::JobHint> {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                         [this] { return !jobs_.empty(); }))
    return std::nullopt;
  auto hint = jobs_.front();
  jobs_.erase(jobs_.begin());
  return hint;
}

auto MqttDevice::ack(int timeout_ms) -> std::optional<proto::Ack> {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                         [this] { return !acks_.empty(); }))
    return std::nullopt;
  auto answer = acks_.front();
  acks_.erase(acks_.begin());
  return answer;
}

}  // namespace godwit::test
