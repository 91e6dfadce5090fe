#include "server/main/run.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <fstream>
#include <thread>

#include "server/http/api.h"
#include "server/http/server.h"
#include "server/link/mqtt_link.h"
#include "server/runtime/clock.h"
#include "server/runtime/cpu_share.h"
#include "server/runtime/log.h"
#include "server/runtime/repeating.h"
#include "server/runtime/signals.h"
#include "server/service/events.h"
#include "server/service/jobs.h"

namespace godwit::server {
namespace {

using std::chrono::milliseconds;

constexpr size_t kPoolQueueMax = 4096;
constexpr int kOpenAttemptsMax = 30;  // one a second, while the database starts
constexpr milliseconds kDeltaIdle{500};
constexpr milliseconds kAfterError{1000};
constexpr milliseconds kTrafficPause{10'000};
constexpr int kDeltaNiceness = 10;
constexpr int64_t kEventWaitMs = 500;
constexpr int kLinkLanes = 4;

/// The dispatcher's view of idempotency keys.
class StoredAnswers : public AnswerStore {
 public:
  explicit StoredAnswers(Tokens& tokens) : tokens_(tokens) {}
  auto begin(Principal const& principal, std::string_view key, Sha256 const& content)
      -> Result<std::optional<Tokens::Answer>> override {
    return tokens_.begin_request(principal, key, content);
  }
  auto finish(Principal const& principal, std::string_view key, Tokens::Answer const& answer)
      -> Result<> override {
    return tokens_.finish_request(principal, key, answer);
  }
  auto drop(Principal const& principal, std::string_view key) -> Result<> override {
    return tokens_.drop_request(principal, key);
  }

 private:
  Tokens& tokens_;
};

/// Every device holds a connection: the soft limit of 1024 descriptors is raised to the hard one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log(LogLevel::warning, "the limit of open files stays low");
}

auto open_service(ServerConfig const& config, Clock const& clock)
    -> Result<std::unique_ptr<Service>> {
  for (int attempt = 1;; ++attempt) {
    auto service = Service::open(service_config(config), clock);
    if (service || service.error().code != Code::retry || attempt == kOpenAttemptsMax)
      return service;
    log(LogLevel::warning, "opening failed, trying again: " + service.error().what);
    if (signal_came_within(1000)) return retry("stopped before the database was there");
  }
}

auto write_ports(std::filesystem::path const& file, uint16_t operators, uint16_t devices)
    -> Result<> {
  auto const text = Json::object({{"operator", operators}, {"device", devices}}).dump() + "\n";
  auto temporary = file;
  temporary += ".new";
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) return internal("cannot write " + temporary.string());
  std::error_code error;
  std::filesystem::rename(temporary, file, error);
  if (error) return internal("renaming " + temporary.string() + ": " + error.message());
  return {};
}

auto tick_step(Jobs& jobs, DeviceNotifier& notifier, Metrics& metrics, milliseconds pause)
    -> std::function<milliseconds()> {
  auto& ticks = metrics.histogram("godwit_tick_duration_seconds", "Passes of the scheduler.");
  return [&jobs, &notifier, &ticks, pause] {
    auto const began = std::chrono::steady_clock::now();
    auto const done = jobs.tick(notifier);
    ticks.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    if (done) return pause;
    log(LogLevel::error, "the scheduler's pass failed: " + done.error().what);
    return std::max(pause, kAfterError);
  };
}

/// On Linux a thread has a niceness of its own.
void give_way_to_others() {
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kDeltaNiceness) != 0)
    log(LogLevel::warning, "deltas are made at the priority of everything else");
}

/// What the calling thread has used of a core.
auto thread_cpu() -> CpuShare::Time {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::duration_cast<CpuShare::Time>(std::chrono::seconds(used.tv_sec) +
                                                    std::chrono::nanoseconds(used.tv_nsec));
}

/// While it makes a delta, and after it, the worker rests so that it stays within the configured
/// share of a core; not when the server is to end.
auto delta_step(Jobs& jobs, Metrics& metrics, uint32_t cpu_percent,
                std::atomic<bool> const& stopping) -> std::function<milliseconds()> {
  auto& made = metrics.counter("godwit_deltas_total", "Deltas worked on.");
  auto& failed = metrics.counter("godwit_delta_failures_total", "Deltas that could not be made.");
  return [&jobs, &made, &failed, &stopping, share = CpuShare(cpu_percent), nice = false]() mutable {
    if (!nice) give_way_to_others();
    nice = true;
    auto const began = std::chrono::steady_clock::now();
    auto const cpu_began = thread_cpu();
    auto const elapsed = [&] {
      return std::chrono::duration_cast<CpuShare::Time>(std::chrono::steady_clock::now() - began);
    };
    auto const worked = jobs.make_one_delta([&] {
      if (!stopping) std::this_thread::sleep_for(share.rest(thread_cpu() - cpu_began, elapsed()));
    });
    if (!worked) {
      failed.add();
      log(LogLevel::error, "making a delta failed: " + worked.error().what);
      return kAfterError;
    }
    if (!*worked) return kDeltaIdle;
    made.add();
    return std::chrono::ceil<milliseconds>(share.owed_after(thread_cpu() - cpu_began, elapsed()));
  };
}

/// How releases came to devices: by how many, with how many bytes, and what deltas saved.
auto traffic_step(Jobs& jobs, Metrics& metrics) -> std::function<milliseconds()> {
  return [&jobs, &metrics] {
    auto const figures = jobs.figures();
    if (!figures) return kTrafficPause;  // the next pass may find the database again
    for (size_t i = 0; i < kDeltaStates.size(); ++i) {
      auto const found = figures->deltas.find(static_cast<DeltaState>(i));
      metrics
          .gauge("godwit_delta_jobs", "Deltas by state.", {{"state", std::string(kDeltaStates[i])}})
          .set(found == figures->deltas.end() ? 0 : found->second);
    }
    for (auto const& [model, failed] : figures->alarms)
      metrics
          .gauge("godwit_delta_alarms", "Deltas that could not be made, until asked for again.",
                 {{"model", model}})
          .set(failed);
    metrics
        .gauge("godwit_certificates_expiring",
               "Devices whose certificate is good for less than 30 days.")
        .set(figures->certificates_expiring);
    for (auto const& one : figures->traffic) {
      Labels const labels = {
          {"model", one.model}, {"version", one.version}, {"transport", one.transport}};
      metrics.gauge("godwit_release_devices", "Devices that a release came to.", labels)
          .set(one.devices);
      metrics.gauge("godwit_release_bytes_received", "Bytes that devices fetched of it.", labels)
          .set(one.bytes_received);
      metrics.gauge("godwit_release_bytes_saved", "Bytes less than as many full releases.", labels)
          .set(one.bytes_saved);
    }
    for (auto const& one : figures->tags) {
      Labels const labels = {{"tag", one.tag.empty() ? "(none)" : one.tag},
                             {"transport", one.transport}};
      metrics.gauge("godwit_tag_devices", "Updates of devices with that tag.", labels)
          .set(one.devices);
      metrics.gauge("godwit_tag_bytes_received", "Bytes that they fetched.", labels)
          .set(one.bytes_received);
      metrics.gauge("godwit_tag_bytes_saved", "Bytes less than as many full releases.", labels)
          .set(one.bytes_saved);
    }
    return kTrafficPause;
  };
}

/// Waits for events on one connection and wakes all streams.
auto event_step(Events& events, HttpServer& http) -> std::function<milliseconds()> {
  return [&events, &http, last = int64_t{-1}]() mutable {
    auto const newest = events.wait(last, kEventWaitMs);
    if (!newest) return kAfterError;
    if (*newest != last) http.wake_event_streams();
    last = *newest;
    return milliseconds(0);
  };
}

auto uplink_sink(Service& service) -> UplinkSink {
  return [&service](std::vector<UpMessage> messages) {
    return service.device_link().on_batch(std::move(messages));
  };
}

void announce(Metrics& metrics, HttpServer const& http) {
  metrics.gauge("godwit_build_info", "The version that runs.", {{"version", GODWIT_VERSION}})
      .set(1);
  log(LogLevel::info, "serving",
      {{"operator_port", std::to_string(http.port(0))},
       {"device_port", std::to_string(http.port(1))}});
}

}  // namespace

auto service_config(ServerConfig const& config) -> Config {
  Config service;
  service.database_url = config.database;
  // Each thread that calls the service at once has a connection.
  service.connections = static_cast<int>(config.http.workers) + kLinkLanes + 4;
  service.data_dir = config.data_dir;
  service.migrations_dir = config.migrations_dir.value_or("");
  service.delta_memory_bytes_max = uint64_t{config.deltas.memory_mib} << 20;
  service.delta_cache_bytes_max = uint64_t{config.deltas.cache_mib} << 20;
  service.delta_sources = config.deltas.sources;
  service.device_ca_certificate = config.device_ca.certificate;
  service.device_ca_key = config.device_ca.key;
  service.image_root = config.trust.image_root;
  service.director_root = config.trust.director_root;
  service.director_key = config.trust.director_key;
  service.sealing_key = config.trust.sealing_key;
  return service;
}

auto run(ServerConfig const& config) -> Result<> {
  block_signals();
  raise_descriptor_limit();
  SystemClock const clock;
  Metrics metrics;
  TRY(auto const service, open_service(config, clock));
  TRY(auto const link, MqttLink::start(config.mqtt, uplink_sink(*service), metrics));
  WorkerPool pool(config.http.workers, kPoolQueueMax);

  Api api{*service,
          metrics,
          config.advertise.device_url,
          config.advertise.mqtt_host,
          config.advertise.mqtt_port,
          [&link] { return link->connected(); }};
  auto const for_operators = operator_routes(api);
  auto const for_devices = device_routes(api);
  StoredAnswers answers(service->tokens());
  auto const authenticate = service_authenticate(*service);
  Dispatcher const operators(for_operators, authenticate, answers, metrics);
  Dispatcher const devices(for_devices, authenticate, answers, metrics);
  TRY(auto const http, HttpServer::listen(config.http,
                                          {{"operator", config.operators, operators},
                                           {"device", config.devices, devices}},
                                          pool, metrics));
  if (api.device_url.empty())
    api.device_url = "https://" + config.devices.address + ":" + std::to_string(http->port(1));
  http->serve();
  Repeating scheduler(
      tick_step(service->jobs(), *link, metrics, milliseconds(config.scheduler_tick_ms)));
  std::atomic<bool> stopping = false;
  Repeating delta_worker(delta_step(service->jobs(), metrics, config.deltas.cpu_percent, stopping));
  Repeating traffic(traffic_step(service->jobs(), metrics));
  Repeating event_pump(event_step(service->events(), *http));
  if (config.ports_file) TRY_VOID(write_ports(*config.ports_file, http->port(0), http->port(1)));
  announce(metrics, *http);

  log(LogLevel::info, "stopping", {{"signal", std::to_string(wait_for_signal())}});
  stopping = true;
  event_pump.stop();
  http->stop();
  scheduler.stop();
  link->stop();
  delta_worker.stop();
  traffic.stop();
  pool.stop();
  log(LogLevel::info, "stopped");
  return {};
}

}  // namespace godwit::server
