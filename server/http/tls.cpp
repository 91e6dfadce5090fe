#include "server/http/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace godwit::server {
namespace {

namespace ssl = boost::asio::ssl;

constexpr unsigned char kSessionContext[] = "godwit";

auto load(ssl::context& context, ListenerConfig const& config) -> Result<> {
  boost::system::error_code error;
  context.use_certificate_chain_file(config.certificate.string(), error);
  if (error) return invalid("certificate " + config.certificate.string() + ": " + error.message());
  context.use_private_key_file(config.key.string(), ssl::context::pem, error);
  if (error) return invalid("key " + config.key.string() + ": " + error.message());
  if (config.client_ca.empty()) return {};
  context.load_verify_file(config.client_ca.string(), error);
  if (error) return invalid("client_ca " + config.client_ca.string() + ": " + error.message());
  // The names are sent to clients that hold several certificates.
  SSL_CTX_set_client_CA_list(context.native_handle(),
                             SSL_load_client_CA_file(config.client_ca.c_str()));
  context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  if (error) return internal("verify mode: " + error.message());
  return {};
}

}  // namespace

auto make_tls_context(ListenerConfig const& config) -> Result<ssl::context> {
  ssl::context context(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION);
  // Without a context of its own OpenSSL refuses to resume sessions that carry a client
  // certificate.
  SSL_CTX_set_session_id_context(context.native_handle(), kSessionContext,
                                 sizeof kSessionContext - 1);
  // Idle connections keep no record buffers: 32 KiB less for each device.
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  TRY_VOID(load(context, config));
  return context;
}

auto peer_common_name(SSL* connection) -> std::string {
  std::unique_ptr<X509, decltype(&X509_free)> const certificate(
      SSL_get1_peer_certificate(connection), &X509_free);
  if (!certificate || SSL_get_verify_result(connection) != X509_V_OK) return {};
  auto const* subject = X509_get_subject_name(certificate.get());
  int const first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) return {};
  unsigned char* text = nullptr;
  int const size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
  if (size < 0) return {};
  std::string name(reinterpret_cast<char const*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return name;
}

}  // namespace godwit::server
