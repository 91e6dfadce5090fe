// TLS over non-blocking sockets, with a time limit and a way out for every wait. The other side is
// always verified: chain by our CA alone, and name or address.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "agent/linux/file_descriptor.h"
#include "agent/linux/origin.h"
#include "proto/base/bytes.h"

namespace godwit::agent {

struct TlsFiles {
  std::string ca;           // whom we believe, PEM
  std::string certificate;  // ours, PEM; empty: none is shown
  std::string key;
};

/// How long one operation may wait, and a descriptor that ends all waiting once it is readable.
struct Patience {
  int64_t until_ms = 0;  // monotonic
  int interrupt_fd = -1;
};
auto monotonic_ms() -> int64_t;
/// A short one for one operation within a long one.
auto sooner(Patience const& patience, int64_t milliseconds) -> Patience;

class TlsContext {
 public:
  static auto open(TlsFiles const& files) -> Result<TlsContext>;
  auto get() const -> SSL_CTX* { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, Free> context_;
};

class TlsStream {
 public:
  /// TCP and handshake. `retry`: not reached, or not in time. `denied`: not who it should be.
  static auto connect(TlsContext const& context, Origin const& origin, Patience const& patience)
      -> Result<TlsStream>;
  /// At least one byte; 0 when the other side said that it ends here.
  auto read(std::span<uint8_t> out, Patience const& patience) -> Result<size_t>;
  auto write(ByteView bytes, Patience const& patience) -> Result<>;

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  TlsStream(FileDescriptor socket, SSL* ssl) : socket_(std::move(socket)), ssl_(ssl) {}
  auto handshake(Origin const& origin, Patience const& patience) -> Result<>;
  auto wait_for(int ssl_error, std::string_view what, Patience const& patience) -> Result<>;

  FileDescriptor socket_;
  std::unique_ptr<SSL, Free> ssl_;  // before the socket goes
};

}  // namespace godwit::agent
