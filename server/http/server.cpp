#include "server/http/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "proto/trust/digest.h"
#include "server/http/session.h"
#include "server/http/tls.h"
#include "server/runtime/log.h"

namespace godwit::server {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

struct Listener {
  std::string name;
  Dispatcher const& dispatcher;
  net::ssl::context tls;
  tcp::acceptor acceptor;
};

using Threads = std::vector<std::unique_ptr<NetworkThread>>;

auto open_acceptor(net::io_context& context, ListenerConfig const& config)
    -> Result<tcp::acceptor> {
  error_code error;
  auto const address = net::ip::make_address(config.address, error);
  if (error) return invalid("address '" + config.address + "': " + error.message());
  tcp::endpoint const endpoint(address, config.port);
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error)
    return retry("listening on " + config.address + ":" + std::to_string(config.port) + ": " +
                 error.message());
  return acceptor;
}

/// Serves one connection on its own network thread. The door at which a library's exceptions stop.
auto serve(Serving& serving, NetworkThread& thread, Listener& listener, tcp::socket socket)
    -> net::awaitable<void> {
  try {
    Session session(serving, thread, listener.dispatcher, std::move(socket), listener.tls);
    co_await session.run();
  } catch (std::exception const& error) {
    log(LogLevel::warning, "a connection ended by an exception", {{"what", error.what()}});
  }
  serving.connections.fetch_sub(1);
}

auto accept_all(Serving& serving, Threads& threads, Listener& listener) -> net::awaitable<void> {
  net::steady_timer pause(listener.acceptor.get_executor());
  auto& refused = serving.metrics.counter("godwit_http_connections_refused_total",
                                          "Connections beyond connections_max.");
  for (size_t next = 0; !threads[0]->stopping; next = (next + 1) % threads.size()) {
    auto& thread = *threads[next];
    error_code error;
    tcp::socket socket = co_await listener.acceptor.async_accept(
        thread.context, net::redirect_error(net::use_awaitable, error));
    if (error == net::error::operation_aborted) co_return;
    if (error) {
      // Out of descriptors, as a rule: to accept again at once would spin.
      log(LogLevel::warning, "accepting: " + error.message(), {{"listener", listener.name}});
      pause.expires_after(std::chrono::milliseconds(100));
      error_code ignored;
      co_await pause.async_wait(net::redirect_error(net::use_awaitable, ignored));
      continue;
    }
    if (serving.connections.load() >= serving.config.connections_max) {
      refused.add();
      continue;  // the socket closes here
    }
    socket.set_option(tcp::no_delay(true), error);
    serving.connections.fetch_add(1);
    auto session = serve(serving, thread, listener, std::move(socket));
    net::co_spawn(thread.context, std::move(session), net::detached);
  }
}

}  // namespace

struct HttpServer::Impl {
  Impl(HttpConfig const& config, WorkerPool& pool, Metrics& metrics)
      : serving{config, pool, metrics, metrics.gauge("godwit_sse_clients", "Open event streams."),
                0,      0,    ""} {}

  Serving serving;
  Threads threads;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<net::executor_work_guard<net::io_context::executor_type>> guards;
  std::vector<std::thread> running;
  bool stopped = false;

  /// Calls `act` on every session, on its own thread.
  void for_each_session(void (Session::*act)()) {
    for (auto& thread : threads)
      net::post(thread->context, [one = thread.get(), act] {
        // A copy: to cut one session may end it and change the set.
        auto const sessions = one->sessions;
        for (auto* session : sessions)
          if (one->sessions.count(session)) (session->*act)();
      });
  }

  /// Waits until no connection is left, or the time is over.
  auto wait_for_sessions(uint32_t time_ms) -> bool {
    auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(time_ms);
    while (serving.connections.load() != 0) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  stop();
}

auto HttpServer::listen(HttpConfig const& config, std::vector<ListenerSpec> listeners,
                        WorkerPool& pool, Metrics& metrics) -> Result<std::unique_ptr<HttpServer>> {
  auto impl = std::make_unique<Impl>(config, pool, metrics);
  std::array<uint8_t, 4> run_id{};
  proto::random_bytes(run_id);
  impl->serving.run_id = to_hex(run_id);
  for (uint32_t i = 0; i < config.io_threads; ++i)
    impl->threads.push_back(std::make_unique<NetworkThread>());
  for (auto const& spec : listeners) {
    TRY(auto tls, make_tls_context(spec.config).within(spec.name + " listener"));
    TRY(auto acceptor,
        open_acceptor(impl->threads[0]->context, spec.config).within(spec.name + " listener"));
    impl->listeners.push_back(std::unique_ptr<Listener>(
        new Listener{spec.name, spec.dispatcher, std::move(tls), std::move(acceptor)}));
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::serve() {
  for (auto& listener : impl_->listeners)
    net::co_spawn(impl_->threads[0]->context, accept_all(impl_->serving, impl_->threads, *listener),
                  net::detached);
  for (auto& thread : impl_->threads) {
    impl_->guards.emplace_back(thread->context.get_executor());
    impl_->running.emplace_back([context = &thread->context] { context->run(); });
  }
}

auto HttpServer::port(size_t listener) const -> uint16_t {
  return impl_->listeners.at(listener)->acceptor.local_endpoint().port();
}

void HttpServer::wake_event_streams() {
  impl_->for_each_session(&Session::wake);
}

void HttpServer::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  net::post(impl_->threads[0]->context, [this] {
    for (auto& listener : impl_->listeners) listener->acceptor.close();
  });
  for (auto& thread : impl_->threads)
    net::post(thread->context, [one = thread.get()] { one->stopping = true; });
  impl_->for_each_session(&Session::end_if_idle);
  if (!impl_->wait_for_sessions(impl_->serving.config.grace_ms)) {
    log(LogLevel::warning, "cutting connections that outlast the grace period",
        {{"connections", std::to_string(impl_->serving.connections.load())}});
    impl_->for_each_session(&Session::cut);
    // What remains waits for its handler on the worker pool, which always returns.
    while (!impl_->wait_for_sessions(1000)) {
    }
  }
  impl_->guards.clear();
  for (auto& thread : impl_->threads) thread->context.stop();
  for (auto& thread : impl_->running) thread.join();
}

}  // namespace godwit::server
