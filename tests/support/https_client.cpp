#include "tests/support/https_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "proto/base/error.h"

namespace godwit::test {
namespace {

constexpr int kReplyTimeoutMs = 60'000;

auto lower(std::string text) -> std::string {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void use(SSL_CTX* context, std::string const& ca, std::optional<Credentials> const& own) {
  auto* bio = BIO_new_mem_buf(ca.data(), static_cast<int>(ca.size()));
  auto* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  CHECK(certificate);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
  X509_free(certificate);
  BIO_free(bio);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!own) return;
  bio = BIO_new_mem_buf(own->certificate.data(), static_cast<int>(own->certificate.size()));
  certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context, certificate);
  X509_free(certificate);
  BIO_free(bio);
  bio = BIO_new_mem_buf(own->key.data(), static_cast<int>(own->key.size()));
  auto* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
  EVP_PKEY_free(key);
  BIO_free(bio);
}

}  // namespace

struct HttpsClient::Connection {
  int socket = -1;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  ~Connection() {
    if (ssl) SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
    if (socket >= 0) ::close(socket);
  }
};

auto HttpReply::header(std::string const& name) const -> std::string {
  auto const found = headers.find(lower(name));
  return found == headers.end() ? "" : found->second;
}

HttpsClient::HttpsClient(uint16_t port, std::string ca, std::optional<Credentials> own)
    : port_(port), ca_(std::move(ca)), own_(std::move(own)) {
  ::signal(SIGPIPE, SIG_IGN);
}
HttpsClient::~HttpsClient() = default;

void HttpsClient::close() {
  connection_.reset();
  buffer_.clear();
}

auto HttpsClient::connect() -> bool {
  close();
  auto connection = std::make_unique<Connection>();
  connection->socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int const on = 1;
  ::setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(connection->socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return false;
  connection->context = SSL_CTX_new(TLS_client_method());
  use(connection->context, ca_, own_);
  connection->ssl = SSL_new(connection->context);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection->ssl), "127.0.0.1");
  SSL_set_fd(connection->ssl, connection->socket);
  if (SSL_connect(connection->ssl) != 1) {
    ERR_clear_error();
    return false;
  }
  connection_ = std::move(connection);
  return true;
}

auto HttpsClient::send(std::string_view bytes) -> bool {
  if (!connection_) return false;
  return bytes.empty() ||
         SSL_write(connection_->ssl, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

auto HttpsClient::receive_some(int timeout_ms) -> std::string {
  if (!buffer_.empty()) return std::exchange(buffer_, {});
  if (!connection_) return {};
  if (SSL_pending(connection_->ssl) == 0) {
    pollfd polled{connection_->socket, POLLIN, 0};
    if (::poll(&polled, 1, timeout_ms) <= 0) return {};
  }
  std::string bytes(16384, '\0');
  int const size = SSL_read(connection_->ssl, bytes.data(), static_cast<int>(bytes.size()));
  ERR_clear_error();
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

auto HttpsClient::fill() -> bool {
  auto kept = std::exchange(buffer_, {});
  auto const more = receive_some(kReplyTimeoutMs);
  buffer_ = kept + more;
  return !more.empty();
}

auto HttpsClient::take_line() -> std::optional<std::string> {
  for (;;) {
    auto const end = buffer_.find("\r\n");
    if (end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

auto HttpsClient::take(size_t size, std::string& out) -> bool {
  while (buffer_.size() < size)
    if (!fill()) break;
  auto const count = std::min(size, buffer_.size());
  out += buffer_.substr(0, count);
  buffer_.erase(0, count);
  return count == size;
}

auto HttpsClient::take_chunks(std::string& out) -> bool {
  for (;;) {
    auto const line = take_line();
    if (!line) return false;
    auto const size = std::stoul(*line, nullptr, 16);
    std::string end;
    if (!take(size, out) || !take(2, end)) return false;
    if (size == 0) return true;
  }
}

auto HttpsClient::receive(bool head_only) -> HttpReply {
  HttpReply reply;
  auto const first = take_line();
  if (!first || first->size() < 12 || !first->starts_with("HTTP/1.1 ")) return reply;
  reply.status = std::stoi(first->substr(9, 3));
  for (;;) {
    auto const line = take_line();
    if (!line) return reply;
    if (line->empty()) break;
    auto const colon = line->find(": ");
    reply.headers[lower(line->substr(0, colon))] = line->substr(colon + 2);
  }
  if (head_only || reply.status == 204 || reply.status == 304 || reply.status == 100)
    reply.complete = true;
  else if (reply.header("transfer-encoding") == "chunked")
    reply.complete = take_chunks(reply.body);
  else
    reply.complete = take(std::stoul(reply.header("content-length")), reply.body);
  if (reply.header("connection") == "close") close();
  return reply;
}

auto HttpsClient::request(std::string const& method, std::string const& target,
                          std::string const& body, HttpHeaders const& headers) -> HttpReply {
  if (!connection_ && !connect()) return {};
  auto text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  auto all = default_headers;
  all.insert(all.end(), headers.begin(), headers.end());
  for (auto const& [name, value] : all) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + body);
  return receive(method == "HEAD");
}

}  // namespace godwit::test
