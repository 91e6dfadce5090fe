#include "tests/integration/server/service/pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>

namespace godwit::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

template <typename Write>
auto to_pem(Write const& write) -> std::string {
  std::unique_ptr<BIO, decltype(&BIO_free)> const bio(BIO_new(BIO_s_mem()), BIO_free);
  write(bio.get());
  char* text = nullptr;
  auto const size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

auto key_pem(EVP_PKEY* key) -> std::string {
  return to_pem([&](BIO* bio) {
    PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

auto memory(std::string const& pem) -> std::unique_ptr<BIO, decltype(&BIO_free)> {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

auto read_certificate(std::string const& pem) -> Certificate {
  return {PEM_read_bio_X509(memory(pem).get(), nullptr, nullptr, nullptr), X509_free};
}

void set_name(X509_NAME* name, std::string const& common_name) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>(common_name.c_str()), -1, -1,
                             0);
}

auto request_pem(EVP_PKEY* key, std::string const& common_name) -> std::string {
  std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> const request(X509_REQ_new(), X509_REQ_free);
  set_name(X509_REQ_get_subject_name(request.get()), common_name);
  X509_REQ_set_pubkey(request.get(), key);
  X509_REQ_sign(request.get(), key, EVP_sha256());
  return to_pem([&](BIO* bio) { PEM_write_bio_X509_REQ(bio, request.get()); });
}

}  // namespace

auto make_device_key() -> std::string {
  Key const key(EVP_EC_gen("prime256v1"), EVP_PKEY_free);
  return key_pem(key.get());
}

auto make_device_ca() -> KeyAndCertificate {
  Key const key(EVP_EC_gen("prime256v1"), EVP_PKEY_free);
  Certificate const certificate(X509_new(), X509_free);
  auto* c = certificate.get();
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
  set_name(X509_get_subject_name(c), "devices");
  X509_set_issuer_name(c, X509_get_subject_name(c));
  X509_gmtime_adj(X509_getm_notBefore(c), -3600);
  X509_gmtime_adj(X509_getm_notAfter(c), 86400L * 3650);
  X509_set_pubkey(c, key.get());
  auto* ca = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
  X509_add_ext(c, ca, -1);
  X509_EXTENSION_free(ca);
  X509_sign(c, key.get(), EVP_sha256());
  return {key_pem(key.get()), to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, c); })};
}

auto make_request(std::string const& key, std::string const& common_name) -> std::string {
  Key const parsed(PEM_read_bio_PrivateKey(memory(key).get(), nullptr, nullptr, nullptr),
                   EVP_PKEY_free);
  return request_pem(parsed.get(), common_name);
}

auto make_rsa_request(std::string const& common_name) -> std::string {
  Key const key(EVP_RSA_gen(2048), EVP_PKEY_free);
  return request_pem(key.get(), common_name);
}

auto is_client_certificate(std::string const& certificate, std::string const& ca,
                           std::string const& common_name, int64_t now_s) -> bool {
  auto const own = read_certificate(certificate);
  auto const issuer = read_certificate(ca);
  if (!own || !issuer) return false;
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> const store(X509_STORE_new(),
                                                                      X509_STORE_free);
  X509_STORE_add_cert(store.get(), issuer.get());
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> const context(
      X509_STORE_CTX_new(), X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), own.get(), nullptr);
  X509_STORE_CTX_set_time(context.get(), 0, now_s);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) != 1) return false;
  if (X509_check_purpose(own.get(), X509_PURPOSE_SSL_SERVER, 0) == 1) return false;
  char name[128] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(own.get()), NID_commonName, name, sizeof name);
  return name == common_name;
}

}  // namespace godwit::test
