// A device as the server sees one: enrolled over HTTPS, speaking MQTT by libmosquitto, without an
// agent behind it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "proto/wire/messages.h"
#include "tests/support/https_client.h"

struct mosquitto;

namespace godwit::test {

class MqttDevice {
 public:
  /// Connects with that certificate; the will says that epoch went offline.
  MqttDevice(uint16_t port, std::filesystem::path const& folder, std::string const& server_ca,
             Credentials const& own, std::string id, uint64_t epoch = 1);
  ~MqttDevice();
  MqttDevice(MqttDevice const&) = delete;
  auto operator=(MqttDevice const&) -> MqttDevice& = delete;

  void hello(proto::Hello hello);
  /// Sends until the acknowledgement comes; nothing when none came in time.
  auto report(proto::JobReport report) -> std::optional<proto::Ack>;
  /// The next dn/job.
  auto job(int timeout_ms = 20'000) -> std::optional<proto::JobHint>;
  void publish(std::string const& topic, std::string const& payload);
  /// The next dn/ack.
  auto ack(int timeout_ms = 20'000) -> std::optional<proto::Ack>;
  auto epoch() const -> uint64_t { return epoch_; }

 private:
  void on_message(std::string const& topic, std::string_view payload);

  std::string id_;
  uint64_t epoch_;
  uint64_t seq_ = 0;
  ::mosquitto* client_ = nullptr;
  std::mutex mutex_;
  std::condition_variable arrived_;
  bool connected_ = false;
  std::vector<proto::JobHint> jobs_;
  std::vector<proto::Ack> acks_;
};

}  // namespace godwit::test
