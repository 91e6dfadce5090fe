#include "server/link/mqtt_link.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "proto/base/limits.h"
#include "proto/trust/digest.h"
#include "server/link/codec.h"
#include "server/link/lanes.h"
#include "server/runtime/log.h"

namespace godwit::server {
namespace {

constexpr size_t kLanes = 4;
constexpr size_t kLaneQueueMax = 8192;
constexpr size_t kBatchMax = 500;
constexpr int kKeepAliveS = 30;
constexpr int kReceiveMaximum = 1000;
constexpr int kPollMs = 500;  // mosquitto_loop_misc sends pings
constexpr int kBackoffFirstMs = 200;
constexpr int kBackoffMaxMs = 10'000;
constexpr auto kFarewell = std::chrono::seconds(2);

auto kind_of(proto::Up up) -> char const* {
  switch (up) {
    case proto::Up::hello:
      return "hello";
    case proto::Up::job:
      return "job";
    case proto::Up::presence:
      return "presence";
  }
  return "unknown";
}

auto random_client_id() -> std::string {
  std::array<uint8_t, 8> bytes{};
  proto::random_bytes(bytes);
  return "godwit-server-" + to_hex(bytes);
}

struct Mosquitto {
  Mosquitto() { mosquitto_lib_init(); }
  ~Mosquitto() { mosquitto_lib_cleanup(); }
};

}  // namespace

/// libmosquitto is driven by our own poll(): its own loop uses select(), which cannot hold the
/// descriptors of a server with thousands of connections, and could not pause reading.
class MqttLink::Impl {
 public:
  Impl(MqttConfig config, UplinkSink sink, Metrics& metrics)
      : config_(std::move(config)),
        sink_(std::move(sink)),
        metrics_(metrics),
        connected_gauge_(metrics.gauge("godwit_mqtt_connected", "1 with a broker, 0 without.")),
        lanes_(kLanes, kLaneQueueMax, kBatchMax,
               [this](std::vector<RawMessage> batch) { take_in(std::move(batch)); }) {}

  ~Impl() {
    stop();
    if (client_) mosquitto_destroy(client_);
    if (wake_fd_ >= 0) ::close(wake_fd_);
  }

  auto start() -> Result<>;
  void send(DownMessage const& message);
  void stop();
  auto connected() const -> bool { return connected_; }

 private:
  void run();
  auto connect() -> bool;
  void serve();
  /// Reads all that is there, unless the lanes are crowded. A mosquitto error code.
  auto read() -> int;
  auto ssl_pending() -> bool;
  void pause(int attempt);
  void wake();
  void on_connect(int reason);
  void on_disconnect(int reason);
  void on_message(mosquitto_message const& message);
  void take_in(std::vector<RawMessage> batch);
  void count(char const* kind, char const* outcome, uint64_t number = 1);

  MqttConfig config_;
  UplinkSink sink_;
  Metrics& metrics_;
  Gauge& connected_gauge_;
  static Mosquitto& library();
  mosquitto* client_ = nullptr;
  int wake_fd_ = -1;
  std::atomic<bool> connected_{false};
  std::atomic<bool> receiving_{true};
  std::atomic<bool> stopping_{false};
  std::mutex pause_mutex_;
  std::condition_variable pause_ended_;
  std::thread thread_;
  Lanes lanes_;  // last: its threads use everything above
};

auto MqttLink::Impl::library() -> Mosquitto& {
  static Mosquitto library;
  return library;
}

auto MqttLink::Impl::start() -> Result<> {
  library();
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return from_errno(errno, "eventfd");
  client_ = mosquitto_new(random_client_id().c_str(), true, this);
  if (!client_) return internal("mosquitto_new failed");
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_int_option(client_, MOSQ_OPT_RECEIVE_MAXIMUM, kReceiveMaximum);
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  // Publishing threads only queue; the one below writes, for TLS is not for two threads at once.
  mosquitto_threaded_set(client_, true);
  if (int const error =
          mosquitto_tls_set(client_, config_.ca.c_str(), nullptr, config_.certificate.c_str(),
                            config_.key.c_str(), nullptr))
    return invalid(std::string("mqtt certificates: ") + mosquitto_strerror(error));
  mosquitto_connect_v5_callback_set(
      client_, [](mosquitto*, void* self, int reason, int, mosquitto_property const*) {
        static_cast<Impl*>(self)->on_connect(reason);
      });
  mosquitto_disconnect_v5_callback_set(
      client_, [](mosquitto*, void* self, int reason, mosquitto_property const*) {
        static_cast<Impl*>(self)->on_disconnect(reason);
      });
  mosquitto_message_v5_callback_set(
      client_, [](mosquitto*, void* self, mosquitto_message const* message,
                  mosquitto_property const*) { static_cast<Impl*>(self)->on_message(*message); });
  thread_ = std::thread([this] { run(); });
  return {};
}

void MqttLink::Impl::run() {
  for (int attempt = 0; !stopping_; ++attempt) {
    if (connect()) {
      serve();
      if (connected_.exchange(false)) attempt = 0;
      connected_gauge_.set(0);
    }
    if (!stopping_) pause(attempt);
  }
}

/// Blocks for TCP and TLS; the broker's own answer arrives later, in on_connect.
auto MqttLink::Impl::connect() -> bool {
  int const error = mosquitto_connect_bind_v5(client_, config_.host.c_str(), config_.port,
                                              kKeepAliveS, nullptr, nullptr);
  if (error == MOSQ_ERR_SUCCESS) return true;
  log(LogLevel::warning, "connecting to the MQTT broker",
      {{"host", config_.host},
       {"port", std::to_string(config_.port)},
       {"error",
        error == MOSQ_ERR_ERRNO ? std::string(strerror(errno)) : mosquitto_strerror(error)}});
  return false;
}

void MqttLink::Impl::serve() {
  std::chrono::steady_clock::time_point farewell_end{};
  for (;;) {
    if (stopping_) {
      auto const now = std::chrono::steady_clock::now();
      if (farewell_end == std::chrono::steady_clock::time_point{}) {
        farewell_end = now + kFarewell;
        mosquitto_disconnect_v5(client_, 0, nullptr);
      }
      if (now > farewell_end) return;
    }
    int const socket = mosquitto_socket(client_);
    if (socket < 0) return;
    bool const reading = (receiving_ && !lanes_.crowded()) || stopping_;
    pollfd polled[2] = {{socket, 0, 0}, {wake_fd_, POLLIN, 0}};
    if (reading) polled[0].events |= POLLIN;
    if (mosquitto_want_write(client_)) polled[0].events |= POLLOUT;
    // While reading pauses for the lanes, look again soon: nothing wakes us when they empty.
    int const wait_ms = reading ? (ssl_pending() ? 0 : kPollMs) : 10;
    if (::poll(polled, 2, stopping_ ? 10 : wait_ms) < 0 && errno != EINTR) return;
    if (polled[1].revents) {
      uint64_t count = 0;
      [[maybe_unused]] auto const ignored = ::read(wake_fd_, &count, sizeof count);
    }
    int error = MOSQ_ERR_SUCCESS;
    if (reading && (polled[0].revents || ssl_pending())) error = read();
    if (!error && mosquitto_want_write(client_)) error = mosquitto_loop_write(client_, 1);
    if (!error) error = mosquitto_loop_misc(client_);
    if (error) return;
  }
}

auto MqttLink::Impl::read() -> int {
  // TLS may hold whole messages that poll() knows nothing of.
  do {
    if (int const error = mosquitto_loop_read(client_, 1)) return error;
  } while (ssl_pending() && !lanes_.crowded());
  return MOSQ_ERR_SUCCESS;
}

auto MqttLink::Impl::ssl_pending() -> bool {
  auto const* ssl = static_cast<SSL const*>(mosquitto_ssl_get(client_));
  return ssl && SSL_pending(ssl) > 0;
}

/// Full jitter, so that servers do not come back all at once.
void MqttLink::Impl::pause(int attempt) {
  int const limit = std::min(kBackoffMaxMs, kBackoffFirstMs << std::min(attempt, 6));
  static thread_local std::minstd_rand random(std::random_device{}());
  auto const wait_ms = std::uniform_int_distribution<int>(limit / 4, limit)(random);
  std::unique_lock lock(pause_mutex_);
  pause_ended_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                        [this] { return stopping_.load(); });
}

void MqttLink::Impl::wake() {
  uint64_t const one = 1;
  [[maybe_unused]] auto const ignored = ::write(wake_fd_, &one, sizeof one);
}

void MqttLink::Impl::on_connect(int reason) {
  if (reason != 0) {
    log(LogLevel::error, "the MQTT broker refused this server",
        {{"reason", mosquitto_reason_string(reason)}});
    return;
  }
  std::string const filter(proto::kServerFilter);
  if (int const error = mosquitto_subscribe_v5(client_, nullptr, filter.c_str(), 1, 0, nullptr)) {
    log(LogLevel::error, "subscribing failed", {{"error", mosquitto_strerror(error)}});
    return;
  }
  connected_ = true;
  connected_gauge_.set(1);
  log(LogLevel::info, "connected to the MQTT broker", {{"host", config_.host}});
}

void MqttLink::Impl::on_disconnect(int reason) {
  if (!stopping_)
    log(LogLevel::warning, "lost the MQTT broker", {{"reason", mosquitto_strerror(reason)}});
}

/// Copies and queues, nothing more: this runs inside libmosquitto.
void MqttLink::Impl::on_message(mosquitto_message const& message) {
  auto topic = proto::parse_up(message.topic);
  auto const size = static_cast<size_t>(std::max(message.payloadlen, 0));
  if (!topic || size > limits::kDeviceMessageBytesMax) {
    count("unknown", "refused");
    return;
  }
  auto const* kind = kind_of(topic->up);
  RawMessage raw{*std::move(topic), std::string(static_cast<char const*>(message.payload), size)};
  // Devices repeat what is not acknowledged, so a message too many is no loss.
  if (!lanes_.push(std::move(raw))) count(kind, "dropped");
}

void MqttLink::Impl::take_in(std::vector<RawMessage> batch) {
  std::vector<UpMessage> messages;
  for (auto const& raw : batch) {
    auto message = decode(raw);
    auto const* kind = kind_of(raw.topic.up);
    if (message) {
      count(kind, "taken");
      messages.push_back(*std::move(message));
      continue;
    }
    count(kind, "refused");
    log(LogLevel::debug, "a device message was refused: " + message.error().what,
        {{"device", raw.topic.device.str()}});
    if (auto const refusal = refusal_of(raw)) send(*refusal);
  }
  if (messages.empty()) return;
  for (auto const& answer : sink_(std::move(messages))) send(answer);
}

void MqttLink::Impl::count(char const* kind, char const* outcome, uint64_t number) {
  metrics_
      .counter("godwit_mqtt_messages_total",
               "Messages of devices, by kind and what became of them.",
               {{"kind", kind}, {"outcome", outcome}})
      .add(number);
}

void MqttLink::Impl::send(DownMessage const& message) {
  if (!connected_) return;
  auto const publication = encode(message);
  int const error = mosquitto_publish_v5(
      client_, nullptr, publication.topic.c_str(), static_cast<int>(publication.payload.size()),
      publication.payload.data(), publication.qos, false, nullptr);
  if (error) log(LogLevel::warning, "publishing failed", {{"error", mosquitto_strerror(error)}});
  wake();
}

void MqttLink::Impl::stop() {
  receiving_ = false;
  lanes_.stop();
  {
    std::lock_guard const lock(pause_mutex_);
    stopping_ = true;
  }
  pause_ended_.notify_all();
  if (wake_fd_ >= 0) wake();
  if (thread_.joinable()) thread_.join();
}

MqttLink::MqttLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MqttLink::~MqttLink() = default;

auto MqttLink::start(MqttConfig const& config, UplinkSink sink, Metrics& metrics)
    -> Result<std::unique_ptr<MqttLink>> {
  auto impl = std::make_unique<Impl>(config, std::move(sink), metrics);
  TRY_VOID(impl->start());
  return std::unique_ptr<MqttLink>(new MqttLink(std::move(impl)));
}

void MqttLink::send(DownMessage const& message) {
  impl_->send(message);
}
auto MqttLink::connected() const -> bool {
  return impl_->connected();
}
void MqttLink::stop() {
  impl_->stop();
}

}  // namespace godwit::server
