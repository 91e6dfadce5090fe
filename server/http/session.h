// One connection of a client: its TLS stream and the coroutine that serves it, on one network
// thread for life, so nothing in here is locked. Internal to server/http.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <set>

#include "server/http/dispatch.h"
#include "server/runtime/config.h"
#include "server/runtime/pool.h"

namespace godwit::server {

class Session;

/// A network thread's own data: touched by that thread only.
struct NetworkThread {
  boost::asio::io_context context{1};
  std::set<Session*> sessions;
  bool stopping = false;
};

/// What all sessions share.
struct Serving {
  HttpConfig config;
  WorkerPool& pool;
  Metrics& metrics;
  Gauge& event_streams;
  std::atomic<uint32_t> connections{0};
  std::atomic<uint64_t> requests{0};
  std::string run_id;  // begins request ids, so that they differ between runs
};

class Session {
 public:
  Session(Serving& serving, NetworkThread& thread, Dispatcher const& dispatcher,
          boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls);
  ~Session();
  Session(Session const&) = delete;
  auto operator=(Session const&) -> Session& = delete;

  auto run() -> boost::asio::awaitable<void>;

  /// Ends the connection if it waits for a request, or its event stream.
  void end_if_idle();
  void wake();
  /// Cuts the connection.
  void cut();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

  auto handshake() -> boost::asio::awaitable<bool>;
  auto serve_request() -> boost::asio::awaitable<bool>;
  auto read_head(Parser& parser) -> boost::asio::awaitable<bool>;
  auto discard_input() -> boost::asio::awaitable<void>;
  auto answer(Parser& parser, Dispatcher::Routed& routed, Request& request)
      -> boost::asio::awaitable<bool>;
  auto run_handler(Dispatcher::Routed& routed) -> boost::asio::awaitable<Response>;
  /// The next bytes of the body in `chunk`, as many as fit: fewer only at its end.
  auto read_chunk(Parser& parser, Bytes& chunk, boost::system::error_code& error)
      -> boost::asio::awaitable<size_t>;
  auto admit(Dispatcher::Routed& routed) -> boost::asio::awaitable<std::optional<Response>>;
  auto read_body(Parser& parser, Request& request, size_t bytes_max)
      -> boost::asio::awaitable<std::optional<Response>>;
  auto read_upload(Parser& parser, Dispatcher::Routed& routed)
      -> boost::asio::awaitable<std::optional<Response>>;
  auto continue_if_expected(Parser const& parser) -> boost::asio::awaitable<bool>;

  auto send(Response const& response, bool head_only, bool keep_alive)
      -> boost::asio::awaitable<bool>;
  auto send_bytes(std::string_view bytes) -> boost::asio::awaitable<bool>;
  auto send_file(FileSlice const& slice) -> boost::asio::awaitable<bool>;
  auto send_events(EventSource& events) -> boost::asio::awaitable<bool>;
  /// Waits for wake() or the time; false when the time was over.
  auto wait_for_wake(std::chrono::milliseconds time) -> boost::asio::awaitable<bool>;

  void expire_after(uint32_t time_ms);
  auto new_request(Parser const& parser) -> Request;
  auto next_request_id() -> std::string;

  Serving& serving_;
  NetworkThread& thread_;
  Dispatcher const& dispatcher_;
  boost::beast::ssl_stream<boost::beast::tcp_stream> stream_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer wake_timer_;
  bool woken_ = false;
  bool idle_ = true;
  unsigned last_status_ = 0;
  std::string peer_name_;
};

}  // namespace godwit::server
