#include "cli/client/http.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <optional>

namespace godwit::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Stream = beast::ssl_stream<beast::tcp_stream>;

constexpr std::chrono::milliseconds kTick{100};
constexpr size_t kBufferBytes = 64u << 10;
constexpr size_t kHeaderBytesMax = 32u << 10;

/// One connection, for one exchange. Asynchronous inside, because only asynchronous operations of
/// Beast have timeouts; each method waits for its operation.
class Connection {
 public:
  Connection(Endpoint const& endpoint, HttpOptions const& options)
      : endpoint_(endpoint), options_(options), buffer_(kBufferBytes + kHeaderBytesMax) {}

  auto open() -> Result<>;
  auto send(HttpRequest const& request) -> Result<>;
  auto receive(bool head) -> Result<HttpResponse>;

 private:
  using Parser = http::response_parser<http::buffer_body>;

  auto trust() -> Result<>;
  auto handshake() -> Result<>;
  auto send_file(http::request<http::empty_body>& head, std::string const& path) -> Result<>;
  auto receive_body(Parser& parser, HttpResponse& response) -> Result<>;
  /// Starts an operation with a handler, and waits for it. on_tick's error is kept in stopped_.
  template <typename Start>
  auto wait(Start start) -> error_code;
  auto failed(error_code error, std::string_view doing) -> Error;

  Endpoint const& endpoint_;
  HttpOptions const& options_;
  asio::io_context io_{1};
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::optional<Stream> stream_;
  beast::flat_buffer buffer_;
  std::optional<Error> stopped_;
};

template <typename Start>
auto Connection::wait(Start start) -> error_code {
  std::optional<error_code> done;
  start([&done](error_code error, auto&&...) { done = error; });
  while (!done) {
    io_.restart();
    io_.run_for(kTick);
    if (done || !options_.on_tick || stopped_) continue;
    if (auto const go_on = options_.on_tick(); !go_on) {
      stopped_ = go_on.error();
      if (stream_) beast::get_lowest_layer(*stream_).close();
    }
  }
  return *done;
}

auto Connection::failed(error_code error, std::string_view doing) -> Error {
  if (stopped_) return *stopped_;
  auto const where = std::string(doing) + " " + endpoint_.url.str() + ": ";
  if (error == beast::error::timeout) return retry(where + "no answer in time");
  bool const cut = error == http::error::end_of_stream || error == http::error::partial_message ||
                   error == asio::error::eof || error == asio::ssl::error::stream_truncated;
  if (cut) return retry(where + "the server closed the connection too early");
  if (error.category() == make_error_code(http::error::bad_version).category())
    return corrupt(where + error.message());
  return retry(where + error.message());
}

auto Connection::trust() -> Result<> {
  error_code error;
  tls_.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
  if (!error) tls_.set_verify_mode(asio::ssl::verify_peer, error);
  if (error) return internal("setting up TLS: " + error.message());
  if (endpoint_.ca_file.empty())
    tls_.set_default_verify_paths(error);
  else
    tls_.load_verify_file(endpoint_.ca_file, error);
  if (error) return invalid("reading the CA file " + endpoint_.ca_file + ": " + error.message());
  return {};
}

auto Connection::open() -> Result<> {
  TRY_VOID(trust());
  stream_.emplace(io_, tls_);
  auto const& url = endpoint_.url;
  asio::ip::tcp::resolver resolver(io_);
  asio::ip::tcp::resolver::results_type addresses;
  auto error = wait([&](auto handler) {
    resolver.async_resolve(url.host, std::to_string(url.port),
                           [&addresses, handler](error_code resolve_error, auto found) mutable {
                             addresses = std::move(found);
                             handler(resolve_error);
                           });
  });
  if (error) return failed(error, "looking up");
  auto& socket = beast::get_lowest_layer(*stream_);
  socket.expires_after(options_.connect_timeout);
  error = wait([&](auto handler) { socket.async_connect(addresses, handler); });
  if (error) return failed(error, "connecting to").within("cannot reach the server");
  return handshake();
}

auto Connection::handshake() -> Result<> {
  auto const& host = endpoint_.url.host;
  SSL* ssl = stream_->native_handle();
  error_code not_address;
  asio::ip::make_address(host, not_address);
  // Server names are for names only (RFC 6066, section 3).
  if (not_address && SSL_set_tlsext_host_name(ssl, host.c_str()) != 1)
    return internal("setting the server's name for TLS");
  if (SSL_set1_host(ssl, host.c_str()) != 1) return internal("setting the host to verify");
  auto const error = wait([&](auto handler) { stream_->async_handshake(Stream::client, handler); });
  if (!error) return {};
  if (long const verified = SSL_get_verify_result(ssl); verified != X509_V_OK && !stopped_)
    return denied("the certificate of " + endpoint_.url.str() +
                  " is not trusted: " + X509_verify_cert_error_string(verified) +
                  "; --ca FILE or GODWIT_CA names the CA that signed it");
  return failed(error, "making a TLS connection to");
}

auto Connection::send(HttpRequest const& request) -> Result<> {
  http::request<http::empty_body> head;
  head.method_string(request.method);
  head.target(request.target);
  head.set(http::field::host, endpoint_.url.authority());
  head.set(http::field::user_agent, "godwit/" GODWIT_VERSION);
  head.set(http::field::connection, "close");
  if (!endpoint_.token.empty()) head.set(http::field::authorization, "Bearer " + endpoint_.token);
  for (auto const& [name, value] : request.headers) head.set(name, value);
  if (!request.body_file.empty()) return send_file(head, request.body_file);

  http::request<http::string_body> message(std::move(head), request.body);
  message.prepare_payload();
  beast::get_lowest_layer(*stream_).expires_after(options_.idle_timeout);
  auto const error = wait([&](auto handler) { http::async_write(*stream_, message, handler); });
  if (error) return failed(error, "sending to");
  return {};
}

auto Connection::send_file(http::request<http::empty_body>& head, std::string const& path)
    -> Result<> {
  http::request<http::file_body> message(std::move(head));
  error_code error;
  message.body().open(path.c_str(), beast::file_mode::scan, error);
  if (error) return invalid("opening " + path + ": " + error.message());
  uint64_t const size = message.body().size();
  message.content_length(size);
  http::request_serializer<http::file_body> serializer(message);
  serializer.limit(kBufferBytes);
  uint64_t sent = 0;
  while (!serializer.is_done()) {
    size_t part = 0;
    beast::get_lowest_layer(*stream_).expires_after(options_.idle_timeout);
    error = wait([&](auto handler) {
      http::async_write_some(*stream_, serializer,
                             [&part, handler](error_code e, size_t n) mutable {
                               part = n;
                               handler(e);
                             });
    });
    if (error) return failed(error, "uploading to");
    sent = std::min(size, sent + part);  // the header counts a little, at the start
    if (options_.on_sent) options_.on_sent(sent, size);
  }
  return {};
}

auto Connection::receive(bool head) -> Result<HttpResponse> {
  Parser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(boost::none);  // receive_body has its own
  parser.skip(head);
  beast::get_lowest_layer(*stream_).expires_after(options_.idle_timeout);
  auto const error =
      wait([&](auto handler) { http::async_read_header(*stream_, buffer_, parser, handler); });
  if (error) return failed(error, "waiting for the answer of");
  HttpResponse response;
  response.status = parser.get().result_int();
  for (auto const& field : parser.get()) {
    std::string name = field.name_string();
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    response.headers.emplace(std::move(name), field.value());
  }
  TRY_VOID(receive_body(parser, response));
  return response;
}

auto Connection::receive_body(Parser& parser, HttpResponse& response) -> Result<> {
  bool const streamed = options_.on_data && response.status / 100 == 2;
  if (streamed && options_.on_open) TRY_VOID(options_.on_open());
  std::string chunk(kBufferBytes, '\0');
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body = {.data = chunk.data(), .size = chunk.size(), .more = true};
    beast::get_lowest_layer(*stream_).expires_after(options_.idle_timeout);
    auto const error =
        wait([&](auto handler) { http::async_read_some(*stream_, buffer_, parser, handler); });
    if (error && error != http::error::need_buffer) return failed(error, "reading from");
    std::string_view const part(chunk.data(), chunk.size() - parser.get().body().size);
    if (streamed) {
      TRY_VOID(options_.on_data(part));
    } else {
      if (part.size() > options_.body_bytes_max - response.body.size())
        return corrupt("the answer of " + endpoint_.url.str() + " is too large");
      response.body += part;
    }
  }
  return {};
}

}  // namespace

auto exchange(Endpoint const& endpoint, HttpRequest const& request, HttpOptions const& options)
    -> Result<HttpResponse> {
  Connection connection(endpoint, options);
  TRY_VOID(connection.open());
  auto const sent = connection.send(request);
  if (sent) return connection.receive(request.method == "HEAD");
  // A server that refuses a body answers before it has read it, and closes: its reason is worth
  // more than our broken pipe.
  if (sent.error().code != Code::retry) return sent.error();
  auto answer = connection.receive(request.method == "HEAD");
  return answer ? std::move(answer) : Result<HttpResponse>(sent.error());
}

}  // namespace godwit::cli
