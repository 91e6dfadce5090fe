#include "server/http/session.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "proto/base/limits.h"
#include "server/http/deadline.h"
#include "server/http/offload.h"
#include "server/http/problem.h"
#include "server/http/tls.h"
#include "server/runtime/log.h"

namespace godwit::server {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr uint32_t kHeaderBytesMax = 16u << 10;
constexpr size_t kReadBufferBytesMax = 64u << 10;
constexpr uint32_t kHandshakeTimeoutMs = 10'000;
constexpr uint32_t kCloseTimeoutMs = 2'000;
constexpr size_t kBodyChunkBytes = 16u << 10;
constexpr size_t kDiscardedBytesMax = 16u << 20;
constexpr size_t kUploadChunkBytes = 256u << 10;
constexpr char kTooSlow[] = "the body came too slowly";

auto overloaded(Offloaded outcome, Request const& request) -> Response {
  if (outcome == Offloaded::refused)
    return problem(retry("the server is busy"), request.request_id);
  return problem(500, "internal", "the server failed; its log has the request id",
                 request.request_id);
}

auto text(beast::string_view view) -> std::string {
  return {view.data(), view.size()};
}

/// Whether the bytes are at fault, rather than the connection.
auto is_malformed(error_code const& error) -> bool {
  static auto const& category = make_error_code(http::error::bad_method).category();
  return error.category() == category && error != http::error::end_of_stream &&
         error != http::error::partial_message;
}

}  // namespace

Session::Session(Serving& serving, NetworkThread& thread, Dispatcher const& dispatcher,
                 net::ip::tcp::socket socket, net::ssl::context& tls)
    : serving_(serving),
      thread_(thread),
      dispatcher_(dispatcher),
      stream_(beast::tcp_stream(std::move(socket)), tls),
      buffer_(kReadBufferBytesMax),
      wake_timer_(thread.context) {
  thread_.sessions.insert(this);
}

Session::~Session() {
  thread_.sessions.erase(this);
}

void Session::expire_after(uint32_t time_ms) {
  beast::get_lowest_layer(stream_).expires_after(std::chrono::milliseconds(time_ms));
}

void Session::end_if_idle() {
  if (idle_) beast::get_lowest_layer(stream_).cancel();
  wake();
}

void Session::wake() {
  woken_ = true;
  wake_timer_.cancel();
}

void Session::cut() {
  beast::get_lowest_layer(stream_).close();
  wake();
}

auto Session::run() -> net::awaitable<void> {
  if (thread_.stopping) co_return;
  bool const greeted = co_await handshake();
  if (!greeted) co_return;
  bool open = true;
  while (open && !thread_.stopping) open = co_await serve_request();
  expire_after(kCloseTimeoutMs);
  error_code ignored;
  co_await stream_.async_shutdown(net::redirect_error(net::use_awaitable, ignored));
}

auto Session::handshake() -> net::awaitable<bool> {
  expire_after(kHandshakeTimeoutMs);
  error_code error;
  co_await stream_.async_handshake(net::ssl::stream_base::server,
                                   net::redirect_error(net::use_awaitable, error));
  if (error) {
    serving_.metrics.counter("godwit_tls_handshakes_failed_total", "Refused TLS handshakes.").add();
    log(LogLevel::debug, "TLS handshake: " + error.message());
    co_return false;
  }
  peer_name_ = peer_common_name(stream_.native_handle());
  co_return true;
}

auto Session::new_request(Parser const& parser) -> Request {
  auto const& message = parser.get();
  Request request;
  request.method = text(message.method_string());
  request.target = text(message.target());
  for (auto const& field : message)
    request.headers.push_back({text(field.name_string()), text(field.value())});
  request.peer_name = peer_name_;
  request.request_id = next_request_id();
  return request;
}

auto Session::next_request_id() -> std::string {
  auto const number = serving_.requests.fetch_add(1, std::memory_order_relaxed) + 1;
  return serving_.run_id + "-" + std::to_string(number);
}

/// Reads one request and answers it. False when the connection is to be closed.
auto Session::serve_request() -> net::awaitable<bool> {
  Parser parser;
  bool const got_head = co_await read_head(parser);
  if (!got_head) co_return false;
  auto const began = std::chrono::steady_clock::now();
  auto request = new_request(parser);
  auto routed = dispatcher_.route(request);
  if (!routed.refusal && parser.get().version() >= 11 && request.header("Host").empty())
    routed.refusal = problem(invalid("the Host header is missing"), request.request_id);
  bool const open = co_await answer(parser, routed, request);
  auto const took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began);
  log(LogLevel::debug, "request",
      {{"request_id", request.request_id}, {"method", request.method}, {"target", request.target}});
  dispatcher_.count(routed.route, request.method, last_status_, took.count());
  co_return open;
}

/// False when there is no request: the client has gone, was too slow, or was answered already.
auto Session::read_head(Parser& parser) -> net::awaitable<bool> {
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(boost::none);  // read_body and the upload handlers hold limits of their own
  idle_ = true;
  error_code error;
  bool late = false;
  {
    Deadline const deadline(beast::get_lowest_layer(stream_), serving_.config.idle_timeout_ms);
    co_await http::async_read_header(stream_, buffer_, parser,
                                     net::redirect_error(net::use_awaitable, error));
    late = deadline.over();
  }
  idle_ = false;
  if (!error) co_return true;
  // One that has said nothing yet is only idle.
  late = late && (parser.got_some() || buffer_.size() > 0);
  if (!late && !is_malformed(error)) co_return false;
  auto const id = next_request_id();
  auto const too_long = error == http::error::header_limit || error == http::error::buffer_overflow;
  auto const response = late       ? problem(408, "retry", "the header came too slowly", id)
                        : too_long ? problem(431, "invalid", "the header is too long", id)
                                   : problem(invalid("malformed request: " + error.message()), id);
  dispatcher_.count(nullptr, "", response.status, 0);
  bool const sent = co_await send(response, false, false);
  if (sent) co_await discard_input();
  co_return false;
}

/// Reads on for a while before a close: closing upon unread bytes would reset the connection and
/// could take the answer back from a client that is still sending.
auto Session::discard_input() -> net::awaitable<void> {
  expire_after(kCloseTimeoutMs);
  Bytes chunk(kBodyChunkBytes);
  for (size_t total = 0; total < kDiscardedBytesMax && !thread_.stopping;) {
    error_code error;
    total += co_await stream_.async_read_some(net::buffer(chunk),
                                              net::redirect_error(net::use_awaitable, error));
    if (error) co_return;
  }
}

auto Session::answer(Parser& parser, Dispatcher::Routed& routed, Request& request)
    -> net::awaitable<bool> {
  std::optional<Response> response = std::move(routed.refusal);
  if (!response && routed.route->upload) {
    response = co_await read_upload(parser, routed);
  } else if (!response) {
    response = co_await admit(routed);
    if (!response) response = co_await read_body(parser, request, routed.route->body_bytes_max);
    if (!response && parser.is_done()) response = co_await run_handler(routed);
  }
  if (!response) co_return false;
  // A body that was not read to its end makes the next request unreadable.
  bool const open =
      parser.keep_alive() && parser.get().version() >= 11 && parser.is_done() && !thread_.stopping;
  bool const sent = co_await send(*response, request.method == "HEAD", open);
  if (sent && !parser.is_done()) co_await discard_input();
  co_return sent&& open;
}

auto Session::run_handler(Dispatcher::Routed& routed) -> net::awaitable<Response> {
  Response response;
  auto work = [&] { response = dispatcher_.handle(routed); };
  auto const outcome = co_await offload(serving_.pool, std::move(work));
  if (outcome != Offloaded::done) response = overloaded(outcome, routed.call.request);
  co_return response;
}

auto Session::continue_if_expected(Parser const& parser) -> net::awaitable<bool> {
  auto const expect = parser.get()[http::field::expect];
  if (!beast::iequals(expect, "100-continue") || parser.is_done()) co_return true;
  bool const sent = co_await send_bytes("HTTP/1.1 100 Continue\r\n\r\n");
  co_return sent;
}

auto Session::read_chunk(Parser& parser, Bytes& chunk, error_code& error)
    -> net::awaitable<size_t> {
  auto& body = parser.get().body();
  body.data = chunk.data();
  body.size = chunk.size();
  body.more = true;
  co_await http::async_read(stream_, buffer_, parser,
                            net::redirect_error(net::use_awaitable, error));
  if (error == http::error::need_buffer) error = {};
  co_return chunk.size() - body.size;
}

/// Memory beyond the ordinary is for those that we know.
auto Session::admit(Dispatcher::Routed& routed) -> net::awaitable<std::optional<Response>> {
  std::optional<Response> response;
  if (routed.route->body_bytes_max <= limits::kRequestBodyBytesMax) co_return response;
  auto ask = [&] { response = dispatcher_.refused(routed); };
  auto const outcome = co_await offload(serving_.pool, std::move(ask));
  if (outcome != Offloaded::done) response = overloaded(outcome, routed.call.request);
  co_return response;
}

/// A body small enough for memory. Nothing when it was read, or when the connection has ended
/// (then the parser is not done); else the refusal.
auto Session::read_body(Parser& parser, Request& request, size_t bytes_max)
    -> net::awaitable<std::optional<Response>> {
  auto const& id = request.request_id;
  auto const too_large = "the body is larger than " + std::to_string(bytes_max >> 20) + " MiB";
  if (parser.content_length().value_or(0) > bytes_max)
    co_return problem(413, "invalid", too_large, id);
  bool const expected = co_await continue_if_expected(parser);
  if (!expected) co_return std::nullopt;
  Deadline const deadline(beast::get_lowest_layer(stream_), serving_.config.request_timeout_ms);
  Bytes chunk;
  while (!parser.is_done()) {
    chunk.resize(kBodyChunkBytes);
    error_code error;
    auto const size = co_await read_chunk(parser, chunk, error);
    if (error && deadline.over()) co_return problem(408, "retry", kTooSlow, id);
    if (is_malformed(error)) co_return problem(invalid("malformed body: " + error.message()), id);
    if (error) co_return std::nullopt;
    if (request.body.size() + size > bytes_max) co_return problem(413, "invalid", too_large, id);
    request.body.append(reinterpret_cast<char const*>(chunk.data()), size);
  }
  co_return std::nullopt;
}

/// Streams the body to the route's Upload. Nothing when the connection ended before the body did.
auto Session::read_upload(Parser& parser, Dispatcher::Routed& routed)
    -> net::awaitable<std::optional<Response>> {
  auto const& request = routed.call.request;
  UploadStart start;
  auto begin = [&] { start = dispatcher_.begin_upload(routed); };
  auto outcome = co_await offload(serving_.pool, std::move(begin));
  if (outcome != Offloaded::done) co_return overloaded(outcome, request);
  if (auto* response = std::get_if<Response>(&start)) co_return std::move(*response);
  auto& upload = *std::get<std::unique_ptr<Upload>>(start);
  bool const expected = co_await continue_if_expected(parser);
  if (!expected) co_return std::nullopt;
  Bytes chunk(kUploadChunkBytes);
  while (!parser.is_done()) {
    error_code error;
    size_t size = 0;
    bool late = false;
    {
      Deadline const deadline(beast::get_lowest_layer(stream_), serving_.config.request_timeout_ms);
      size = co_await read_chunk(parser, chunk, error);
      late = error && deadline.over();
    }
    if (late) co_return problem(408, "retry", kTooSlow, request.request_id);
    if (is_malformed(error))
      co_return problem(invalid("malformed body: " + error.message()), request.request_id);
    if (error) co_return std::nullopt;
    Result<> written;
    auto write = [&] { written = upload.write(ByteView(chunk).first(size)); };
    outcome = co_await offload(serving_.pool, std::move(write));
    if (outcome != Offloaded::done) co_return overloaded(outcome, request);
    if (!written) co_return problem(written.error(), request.request_id);
  }
  Response response;
  auto finish = [&] { response = dispatcher_.finish_upload(routed, upload); };
  outcome = co_await offload(serving_.pool, std::move(finish));
  if (outcome != Offloaded::done) co_return overloaded(outcome, request);
  co_return response;
}

}  // namespace godwit::server
