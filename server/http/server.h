// The HTTPS server: listeners over TLS on a few network threads, each connection on one of them for
// life. Handlers run on the worker pool; network threads never block.
#pragma once

#include <memory>
#include <vector>

#include "server/http/dispatch.h"
#include "server/runtime/config.h"
#include "server/runtime/metrics.h"
#include "server/runtime/pool.h"

namespace godwit::server {

struct ListenerSpec {
  std::string name;  // in logs and metrics: "operator", "device"
  ListenerConfig config;
  Dispatcher const& dispatcher;
};

class HttpServer {
 public:
  /// Binds the listeners; their ports are known, clients wait for serve(). What is passed by
  /// reference must outlive this, and `pool` must be stopped only after stop() has returned.
  static auto listen(HttpConfig const& config, std::vector<ListenerSpec> listeners,
                     WorkerPool& pool, Metrics& metrics) -> Result<std::unique_ptr<HttpServer>>;
  ~HttpServer();

  /// The port that a listener got, by its place in `listeners`.
  auto port(size_t listener) const -> uint16_t;
  /// Starts the network threads. Once.
  void serve();
  /// Sends event streams to their sources again. From any thread.
  void wake_event_streams();
  /// Stops accepting, ends idle connections and event streams, leaves `grace_ms` to requests that
  /// have begun, then cuts. Called once more it does nothing.
  void stop();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace godwit::server
