// A device CA and signing requests for tests, made with OpenSSL.
#pragma once

#include <cstdint>
#include <string>

namespace godwit::test {

struct KeyAndCertificate {
  std::string key;
  std::string certificate;
};
auto make_device_ca() -> KeyAndCertificate;

/// A P-256 key, as PEM; and a request for that CN, signed by it.
auto make_device_key() -> std::string;
auto make_request(std::string const& key, std::string const& common_name) -> std::string;

/// The same with an RSA key, which devices must not use.
auto make_rsa_request(std::string const& common_name) -> std::string;

/// Whether the certificate is one of that CA, for that CN, for TLS clients only, at that time.
auto is_client_certificate(std::string const& certificate, std::string const& ca,
                           std::string const& common_name, int64_t now_s) -> bool;

}  // namespace godwit::test
