// TLS contexts of the listeners, and the name in a client's certificate.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "proto/base/result.h"
#include "server/runtime/config.h"

namespace godwit::server {

/// TLS 1.2 or newer; with a `client_ca` every client needs a certificate of that CA.
auto make_tls_context(ListenerConfig const& config) -> Result<boost::asio::ssl::context>;

/// The common name of the verified client certificate; empty without exactly one.
auto peer_common_name(SSL* connection) -> std::string;

}  // namespace godwit::server
