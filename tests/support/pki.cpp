#include "tests/support/pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <memory>

#include "proto/base/error.h"
#include "proto/trust/digest.h"

namespace godwit::test {
namespace {

constexpr long kDay = 86400;

template <typename T, void (*kFree)(T*)>
struct Free {
  void operator()(T* object) const { kFree(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Request = std::unique_ptr<X509_REQ, Free<X509_REQ, X509_REQ_free>>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Memory = std::unique_ptr<BIO, FreeBio>;

auto reader(std::string const& text) -> Memory {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

auto text_of(BIO* bio) -> std::string {
  char* data = nullptr;
  auto const size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

auto key_of(std::string const& pem) -> Key {
  Key key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, nullptr, nullptr));
  CHECK(key);
  return key;
}

void set_name(X509_NAME* subject, std::string const& name) {
  CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1,
                                   0) == 1);
}

void add_extension(X509* certificate, X509* issuer, int nid, char const* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  CHECK(extension);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

auto new_certificate(EVP_PKEY* key, std::string const& name) -> Certificate {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  uint64_t serial = 0;
  proto::random_bytes(std::span(reinterpret_cast<uint8_t*>(&serial), sizeof serial));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kDay);
  set_name(X509_get_subject_name(certificate.get()), name);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

auto finish(X509* certificate, EVP_PKEY* issuer_key) -> std::string {
  CHECK(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
  Memory const out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  return text_of(out.get());
}

}  // namespace

void write_file(std::filesystem::path const& path, std::string const& text) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  CHECK(stream.good());
}

void Credentials::write(std::filesystem::path const& folder, std::string const& name) const {
  write_file(folder / (name + ".crt"), certificate);
  write_file(folder / (name + ".key"), key);
}

auto make_key() -> std::string {
  Key const key(EVP_EC_gen("P-256"));
  CHECK(key);
  Memory const out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(out.get());
}

auto make_ca(std::string const& name) -> Credentials {
  auto const pem = make_key();
  auto const key = key_of(pem);
  auto const certificate = new_certificate(key.get(), name);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign");
  return {finish(certificate.get(), key.get()), pem};
}

auto issue(Credentials const& ca, std::string const& name, bool server) -> Credentials {
  auto const pem = make_key();
  auto const key = key_of(pem);
  Certificate const issuer(
      PEM_read_bio_X509(reader(ca.certificate).get(), nullptr, nullptr, nullptr));
  auto const certificate = new_certificate(key.get(), name);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  if (server)
    add_extension(certificate.get(), issuer.get(), NID_subject_alt_name,
                  "DNS:localhost,IP:127.0.0.1");
  return {finish(certificate.get(), key_of(ca.key).get()), pem};
}

auto make_csr(std::string const& key_pem, std::string const& name) -> std::string {
  auto const key = key_of(key_pem);
  Request const request(X509_REQ_new());
  set_name(X509_REQ_get_subject_name(request.get()), name);
  X509_REQ_set_pubkey(request.get(), key.get());
  CHECK(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0);
  Memory const out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request.get());
  return text_of(out.get());
}

}  // namespace godwit::test
