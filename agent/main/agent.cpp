#include "agent/main/agent.h"

#include <poll.h>

#include <algorithm>
#include <functional>

#include "agent/core/updater.h"
#include "agent/install/bring_into_form.h"
#include "agent/linux/enrol.h"
#include "agent/linux/file_keys.h"
#include "agent/linux/https_fetcher.h"
#include "agent/linux/model_memory.h"
#include "agent/linux/mqtt_link.h"
#include "agent/linux/renewal.h"
#include "agent/linux/self_test_child.h"
#include "agent/linux/system_clock.h"
#include "agent/main/replay_runner.h"
#include "proto/base/limits.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kStatusFile = "status.json";
constexpr int64_t kEnrolRepeatMs = 2'000;
constexpr int64_t kStatusEveryMs = 1'000;
constexpr int64_t kWaitMsMax = 60'000;
constexpr uint64_t kStatusBytesMax = 256u << 10;

/// Whether `stop_fd` became readable within the time.
auto stopped_within(int stop_fd, int64_t milliseconds) -> bool {
  pollfd wanted{stop_fd, POLLIN, 0};
  return ::poll(&wanted, 1, static_cast<int>(milliseconds)) > 0;
}

auto identity_folder(AgentConfig const& config) -> std::string {
  return config.state_dir + "/identity";
}

auto tls_files(AgentConfig const& config) -> TlsFiles {
  auto const folder = identity_folder(config) + "/";
  return {config.server_ca, folder + std::string(identity_file::kCertificate),
          folder + std::string(identity_file::kKey)};
}

auto to_json(std::optional<proto::SlotContent> const& slot) -> Json {
  if (!slot) return {};
  return Json::object({{"version", slot->version}, {"plain_sha256", slot->plain_sha256.hex()}});
}

auto to_json(Updater::Status const& status, DeviceId const& device) -> Json {
  auto json = Json::object({{"device_id", device.str()},
                            {"epoch", status.epoch},
                            {"connected", status.connected},
                            {"last_error", status.last_error},
                            {"messages_dropped", status.messages_dropped}});
  auto components = Json::object();
  for (auto const& [name, report] : status.components)
    components.set(name, Json::object({{"running", to_json(report.running)},
                                       {"other", to_json(report.other)}}));
  json.set("components", std::move(components));
  if (status.attempt)
    json.set("attempt", Json::object({{"n", int64_t{status.attempt->attempt}},
                                      {"component", status.component},
                                      {"state", to_string(status.attempt->state)},
                                      {"percent", int64_t{status.attempt->percent}},
                                      {"code", int64_t{status.attempt->code}},
                                      {"message", status.attempt->message},
                                      {"acknowledged", status.acknowledged}}));
  return json;
}

/// The status file, written when it changed and not more often than once a second.
class StatusFile {
 public:
  StatusFile(FileStore& files, DeviceId const& device) : files_(files), device_(device) {}

  /// After how many milliseconds to call it again: what changed within the second must not wait for
  /// the next message.
  auto update(Updater::Status const& status, bool at_once) -> int64_t {
    auto const now = monotonic_ms();
    if (!at_once && now < next_ms_) return next_ms_ - now;
    auto text = to_json(status, device_).dump(2);
    if (text == last_) return kWaitMsMax;
    next_ms_ = now + kStatusEveryMs;
    // Not synced: it is rewritten at every start, and flash wears.
    std::string const draft = std::string(kStatusFile) + ".new";
    auto written = files_.remove(draft);
    if (written) written = files_.write(draft, 0, as_bytes(text));
    if (written) written = files_.rename(draft, kStatusFile);
    if (written)
      last_ = std::move(text);
    else
      log(LogLevel::warning, "status file", {{"why", written.error().what}});
    return kStatusEveryMs;
  }

 private:
  FileStore& files_;
  DeviceId device_;
  std::string last_;
  int64_t next_ms_ = 0;
};

/// What an engine holds is as secret as the model.
auto with_memory(engine::EngineOptions options, ModelMemory& memory) -> engine::EngineOptions {
  options.take_memory = [&memory](size_t size_bytes) -> std::shared_ptr<uint8_t> {
    auto taken = memory.take(size_bytes);
    return taken ? taken->place() : nullptr;
  };
  return options;
}

/// What earlier starts left at rest, in the form of this one.
void settle_storage(ModelFiles& models, ModelSlots const& slots, FileKeys const& keys) {
  if (keys.made_storage_key() && !slots.components().empty())
    log(LogLevel::warning, "there was no storage key; a new one was made");
  for (auto const& [file, result] : bring_into_form(models, slots)) {
    if (result)
      log(LogLevel::info, "stored model brought into the configured form", {{"file", file}});
    else if (result.error().code == Code::corrupt)
      log(LogLevel::error, "stored model cannot be opened; its release has to come again",
          {{"file", file}, {"why", result.error().what}});
    else
      log(LogLevel::warning, "stored model stays in its form",
          {{"file", file}, {"why", result.error().what}});
  }
}

void deliver(MqttLink::Event const& event, Updater& updater) {
  if (std::holds_alternative<MqttLink::Connected>(event)) {
    log(LogLevel::info, "connected to the broker");
    updater.on_connected();
  } else if (std::holds_alternative<MqttLink::Disconnected>(event)) {
    updater.on_disconnected();
  } else {
    auto const& message = std::get<MqttLink::Message>(event);
    updater.on_message(message.what, message.payload);
  }
}

/// Says what changed, once.
class ProgressLog {
 public:
  void show(Updater::Status const& status) {
    if (status.last_error != error_ && !status.last_error.empty())
      log(LogLevel::warning, "will be tried again", {{"why", status.last_error}});
    error_ = status.last_error;
    if (!status.attempt) return;
    auto const now = std::pair(status.attempt->attempt, status.attempt->state);
    if (now == attempt_) return;
    attempt_ = now;
    log(LogLevel::info, "attempt",
        {{"n", std::to_string(now.first)},
         {"component", status.component},
         {"state", std::string(to_string(now.second))},
         {"code", std::to_string(status.attempt->code)},
         {"message", status.attempt->message}});
  }

 private:
  std::pair<AttemptNo, proto::AttemptState> attempt_{};
  std::string error_;
};

/// The link's will needs the epoch, which the updater counts at its start, and another certificate
/// needs another link: the updater talks through this.
struct LateLink : Link {
  void publish(proto::Up what, std::string const& payload) override {
    if (link) link->publish(what, payload);
  }
  std::unique_ptr<MqttLink> link;
};

using OpenLink = std::function<Result<std::unique_ptr<MqttLink>>()>;

/// What connects us, and what it connects by.
struct Connections {
  Renewal& renewal;
  HttpsFetcher& fetcher;
  LateLink& late;
  OpenLink open_link;
};

/// Both connections begin anew with a new certificate. An error: there is no link any more.
auto renew_if_due(Connections& with, Updater& updater) -> Result<> {
  if (!with.renewal.due(SystemClock().now_ms() / 1000, monotonic_ms())) return {};
  auto client = with.renewal.renew(with.fetcher.client());
  if (!client) {
    log(LogLevel::warning, "the certificate is not renewed yet", {{"why", client.error().what}});
    return {};
  }
  log(LogLevel::info, "the certificate is renewed");
  with.fetcher.use(*std::move(client));
  with.late.link->close();
  updater.on_disconnected();
  TRY(with.late.link, with.open_link());
  return {};
}

auto loop(Updater& updater, Connections& with, StatusFile& status_file, int stop_fd) -> Result<> {
  ProgressLog progress;
  for (;;) {
    TRY_VOID(renew_if_due(with, updater));
    auto& link = *with.late.link;
    for (auto const& event : link.take_events()) deliver(event, updater);
    auto const next_step_ms = std::clamp<int64_t>(updater.step(), 0, kWaitMsMax);
    auto const status = updater.status();
    progress.show(status);
    auto const wait_ms = std::min(next_step_ms, status_file.update(status, false));
    pollfd wanted[] = {{stop_fd, POLLIN, 0}, {link.wake_fd(), POLLIN, 0}};
    if (::poll(wanted, 2, static_cast<int>(wait_ms)) > 0 && wanted[0].revents != 0) return {};
  }
}

}  // namespace

auto ensure_enrolled(AgentConfig const& config, int stop_fd) -> Result<> {
  TRY(auto identity, FileStore::open(identity_folder(config)));
  auto known = load_endpoints(identity);
  if (known || known.error().code != Code::not_found)
    return known ? Result<>() : std::move(known).error();
  std::string last;
  for (;;) {
    auto enrolled = enrol(config, identity, stop_fd);
    if (enrolled) {
      log(LogLevel::info, "enrolled", {{"device", enrolled->device.str()}});
      return {};
    }
    auto error = std::move(enrolled).error();
    if (error.code != Code::retry) return std::move(error).within("enrolment");
    if (error.what != last) log(LogLevel::warning, "enrolment waits", {{"why", error.what}});
    last = error.what;
    if (stopped_within(stop_fd, kEnrolRepeatMs)) return retry("stopped before the enrolment");
  }
}

auto run_agent(AgentConfig const& config, engine::EngineOptions const& options, int stop_fd)
    -> Result<> {
  // Told now: later it would look as if every model were bad.
  TRY_VOID(engine::check_options(options));
  TRY(auto files, FileStore::open(config.state_dir));
  TRY_VOID(files.lock());
  TRY_VOID(ensure_enrolled(config, stop_fd));
  TRY(auto identity, FileStore::open(identity_folder(config)));
  TRY(auto const endpoints, load_endpoints(identity));
  TRY(auto const image_root, read_file(config.image_root, limits::kRootBytesMax));
  TRY(auto const director_root, read_file(config.director_root, limits::kRootBytesMax));
  TRY(auto origin, Origin::parse(endpoints.device_url));
  TRY(auto client, HttpsClient::open(std::move(origin), tls_files(config), {}, stop_fd));
  HttpsFetcher fetcher(std::move(client));
  TRY(auto keys, FileKeys::open(identity, endpoints.device));
  // What lies sealed is to stay secret in memory too.
  if (config.encrypt_at_rest) forbid_dumps();
  ModelMemory memory(config.encrypt_at_rest);
  ModelFiles models(files, keys, memory,
                    config.encrypt_at_rest ? ModelFiles::Form::sealed : ModelFiles::Form::plain);
  auto const engine_options = with_memory(options, memory);
  TRY(auto slots, ModelSlots::open(files, keys, models, [&](ByteView model) -> Result<> {
        auto engine = engine::Engine::load(model, engine_options);
        return engine ? Result<>() : std::move(engine).error();
      }));
  if (slots.refused())
    log(LogLevel::error, "what runs is forgotten, releases must come again",
        {{"why", slots.refused()->what}, {"put aside as", "slots.refused"}});
  settle_storage(models, slots, keys);
  SystemClock clock;
  SelfTestChild self_test({});
  ReplayRunner runner(config.replay, engine_options, memory);

  LateLink late;
  Config core{.device = endpoints.device,
              .agent_version = GODWIT_VERSION,
              .facts = config.facts,
              .image_root = image_root,
              .director_root = director_root,
              .poll_interval_ms = config.poll_interval_ms,
              .report_interval_ms = config.report_interval_ms};
  Updater updater(std::move(core),
                  {memory, files, models, fetcher, late, clock, keys, self_test, runner, slots});
  TRY_VOID(updater.start());
  OpenLink const open_link = [&] {
    return MqttLink::open({endpoints.device, endpoints.mqtt_host, endpoints.mqtt_port,
                           tls_files(config), updater.will()});
  };
  TRY(late.link, open_link());
  log(LogLevel::info, "running", {{"device", endpoints.device.str()}});
  StatusFile status(files, endpoints.device);
  Renewal renewal({.device = endpoints.device,
                   .device_url = endpoints.device_url,
                   .files = tls_files(config),
                   .left_s = config.renew_certificate_s,
                   .interrupt_fd = stop_fd},
                  identity);
  Connections connections{renewal, fetcher, late, open_link};
  TRY_VOID(loop(updater, connections, status, stop_fd));
  late.link->close();
  status.update(updater.status(), true);
  log(LogLevel::info, "stopped");
  return {};
}

auto read_status(AgentConfig const& config) -> Result<Json> {
  TRY(auto const files, FileStore::open(config.state_dir));
  TRY(auto const bytes, files.read(kStatusFile, 0, kStatusBytesMax));
  return Json::parse(as_text(bytes));
}

}  // namespace godwit::agent
