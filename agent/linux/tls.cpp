#include "agent/linux/tls.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>

namespace godwit::agent {
namespace {

constexpr int64_t kConnectMsMax = 10'000;  // for one of perhaps several addresses

auto openssl_error(std::string_view what) -> std::string {
  std::array<char, 160> text{};
  auto const code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return std::string(what);
  ERR_error_string_n(code, text.data(), text.size());
  return std::string(what) + ": " + text.data();
}

auto wait(int fd, short events, std::string_view what, Patience const& patience) -> Result<> {
  for (;;) {
    auto const left_ms = patience.until_ms - monotonic_ms();
    if (left_ms <= 0) return retry(std::string(what) + ": timed out");
    pollfd polled[2] = {{fd, events, 0}, {patience.interrupt_fd, POLLIN, 0}};
    int const ready = ::poll(polled, 2, static_cast<int>(std::min<int64_t>(left_ms, INT_MAX)));
    if (ready < 0 && errno != EINTR) return from_errno(errno, what);
    if (ready <= 0) continue;
    if (polled[1].revents) return retry(std::string(what) + ": interrupted");
    return {};
  }
}

auto connect_to(addrinfo const& address, Patience const& patience) -> Result<FileDescriptor> {
  FileDescriptor fd(::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                             address.ai_protocol));
  if (!fd) return from_errno(errno, "socket");
  int const on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return fd;
  if (errno != EINPROGRESS) return retry(from_errno(errno, "connect").what);
  TRY_VOID(wait(fd.get(), POLLOUT, "connect", patience));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return retry(from_errno(error, "connect").what);
  return fd;
}

auto connect_tcp(Origin const& origin, Patience const& patience) -> Result<FileDescriptor> {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  auto const port = std::to_string(origin.port);
  if (int const error = ::getaddrinfo(origin.host.c_str(), port.c_str(), &hints, &found))
    return retry(origin.host + ": " + gai_strerror(error));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> const addresses(found, freeaddrinfo);
  Result<FileDescriptor> connected = retry(origin.host + " has no address");
  for (auto const* each = found; each && !connected; each = each->ai_next)
    connected = connect_to(*each, sooner(patience, kConnectMsMax));
  if (!connected) return std::move(connected).error().within(origin.authority());
  return connected;
}

auto is_address(std::string const& host) -> bool {
  in6_addr buffer{};
  return inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

}  // namespace

auto monotonic_ms() -> int64_t {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

auto sooner(Patience const& patience, int64_t milliseconds) -> Patience {
  return {std::min(patience.until_ms, monotonic_ms() + milliseconds), patience.interrupt_fd};
}

auto TlsContext::open(TlsFiles const& files) -> Result<TlsContext> {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context.get()) return internal(openssl_error("TLS"));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_AUTO_RETRY);
  if (SSL_CTX_load_verify_file(context.get(), files.ca.c_str()) != 1)
    return invalid(openssl_error("CA certificate " + files.ca));
  if (files.certificate.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return invalid(openssl_error("certificate " + files.certificate));
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return invalid(openssl_error("key " + files.key));
  return context;
}

auto TlsStream::connect(TlsContext const& context, Origin const& origin, Patience const& patience)
    -> Result<TlsStream> {
  TRY(auto socket, connect_tcp(origin, patience));
  ERR_clear_error();
  TlsStream stream(std::move(socket), SSL_new(context.get()));
  if (!stream.ssl_) return internal(openssl_error("TLS"));
  TRY_VOID(stream.handshake(origin, patience).within(origin.authority()));
  return stream;
}

auto TlsStream::handshake(Origin const& origin, Patience const& patience) -> Result<> {
  auto* ssl = ssl_.get();
  bool set = SSL_set_fd(ssl, socket_.get()) == 1;
  if (is_address(origin.host)) {
    set = set && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), origin.host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = set && SSL_set1_host(ssl, origin.host.c_str()) == 1 &&
          SSL_set_tlsext_host_name(ssl, origin.host.c_str()) == 1;
  }
  if (!set) return internal(openssl_error("TLS"));
  for (;;) {
    ERR_clear_error();
    int const result = SSL_connect(ssl);
    if (result == 1) return {};
    int const error = SSL_get_error(ssl, result);
    if (auto const verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
      ERR_clear_error();
      return denied(std::string("the server's certificate: ") +
                    X509_verify_cert_error_string(verdict));
    }
    TRY_VOID(wait_for(error, "TLS handshake", patience));
  }
}

/// After SSL_ERROR_WANT_*: until it is worth trying again. Everything else is the end.
auto TlsStream::wait_for(int ssl_error, std::string_view what, Patience const& patience)
    -> Result<> {
  switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
      return wait(socket_.get(), POLLIN, what, patience);
    case SSL_ERROR_WANT_WRITE:
      return wait(socket_.get(), POLLOUT, what, patience);
    default:
      return retry(openssl_error(std::string(what) + ": connection lost"));
  }
}

auto TlsStream::read(std::span<uint8_t> out, Patience const& patience) -> Result<size_t> {
  for (;;) {
    ERR_clear_error();
    size_t count = 0;
    if (SSL_read_ex(ssl_.get(), out.data(), out.size(), &count) == 1) return count;
    int const error = SSL_get_error(ssl_.get(), 0);
    if (error == SSL_ERROR_ZERO_RETURN) return size_t{0};
    TRY_VOID(wait_for(error, "reading", patience));
  }
}

auto TlsStream::write(ByteView bytes, Patience const& patience) -> Result<> {
  while (!bytes.empty()) {
    ERR_clear_error();
    size_t count = 0;
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count) == 1) {
      bytes = bytes.subspan(count);
      continue;
    }
    TRY_VOID(wait_for(SSL_get_error(ssl_.get(), 0), "writing", patience));
  }
  return {};
}

}  // namespace godwit::agent
