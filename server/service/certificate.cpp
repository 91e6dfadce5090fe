#include "server/service/certificate.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proto/trust/digest.h"
#include "server/service/core.h"

namespace godwit::server {
namespace {

template <auto release>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

constexpr size_t kPemBytesMax = 64u << 10;
constexpr int64_t kBackdated_s = 300;  // a device's clock may be a little behind

auto memory(std::string_view text) -> Bio {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Errors that libcrypto queued would be taken for its own by a TLS connection of this thread.
auto wrong(std::string what) -> Error {
  ERR_clear_error();
  return invalid(std::move(what));
}

auto is_p256(EVP_PKEY* key) -> bool {
  char group[32] = "";
  size_t size = 0;
  return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

auto public_key_hash(EVP_PKEY* key) -> Sha256 {
  unsigned char* der = nullptr;
  int const size = i2d_PUBKEY(key, &der);
  CHECK(size > 0);
  auto const digest = proto::sha256({der, static_cast<size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

/// The only common name, if there is exactly one entry and it is that.
auto common_name(X509_NAME* name) -> std::string {
  if (X509_NAME_entry_count(name) != 1) return "";
  auto* entry = X509_NAME_get_entry(name, 0);
  if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName) return "";
  auto const* text = X509_NAME_ENTRY_get_data(entry);
  return {reinterpret_cast<char const*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

auto add_extension(X509* certificate, X509* issuer, int nid, char const* value) -> bool {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  Extension const extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

auto set_random_serial(X509* certificate) -> bool {
  std::array<uint8_t, 16> serial{};
  proto::random_bytes(serial);
  serial[0] &= 0x7f;  // positive
  serial[0] |= 0x40;  // and never short
  std::unique_ptr<BIGNUM, Freed<BN_free>> const number(
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

}  // namespace

struct DeviceCa::State {
  Certificate certificate;
  Key key;
  std::string pem;
};

DeviceCa::DeviceCa(std::unique_ptr<State> state) : state_(std::move(state)) {}
DeviceCa::DeviceCa(DeviceCa&&) noexcept = default;
DeviceCa::~DeviceCa() = default;

auto DeviceCa::open(std::filesystem::path const& certificate, std::filesystem::path const& key)
    -> Result<DeviceCa> {
  auto state = std::make_unique<State>();
  TRY(state->pem, read_file(certificate, kPemBytesMax));
  TRY(auto const key_pem, read_file(key, kPemBytesMax));
  state->certificate.reset(PEM_read_bio_X509(memory(state->pem).get(), nullptr, nullptr, nullptr));
  if (!state->certificate) return wrong("device CA: no certificate in " + certificate.string());
  state->key.reset(PEM_read_bio_PrivateKey(memory(key_pem).get(), nullptr, nullptr, nullptr));
  if (!state->key) return wrong("device CA: no private key in " + key.string());
  if (X509_check_private_key(state->certificate.get(), state->key.get()) != 1)
    return wrong("device CA: the key does not belong to the certificate");
  if (X509_check_ca(state->certificate.get()) != 1)
    return wrong("device CA: the certificate is not that of a CA");
  return DeviceCa(std::move(state));
}

auto DeviceCa::certificate_pem() const -> std::string const& {
  return state_->pem;
}

auto DeviceCa::parse(std::string_view csr_pem, DeviceId const& device) -> Result<Request> {
  if (csr_pem.size() > kPemBytesMax) return invalid("'csr' is too large");
  std::shared_ptr<X509_REQ> const csr(
      PEM_read_bio_X509_REQ(memory(csr_pem).get(), nullptr, nullptr, nullptr),
      [](X509_REQ* request) { X509_REQ_free(request); });
  if (!csr) return wrong("'csr' is no PEM certificate signing request");
  auto* key = X509_REQ_get0_pubkey(csr.get());
  if (!is_p256(key)) return wrong("'csr': the key is not on P-256");
  if (X509_REQ_verify(csr.get(), key) != 1) return wrong("'csr': its signature does not hold");
  if (common_name(X509_REQ_get_subject_name(csr.get())) != device.str())
    return wrong("'csr': the subject is not exactly CN=" + device.str());
  return Request{csr, public_key_hash(key)};
}

auto DeviceCa::issue(Request const& request, DeviceId const& device, int64_t now_ms,
                     int64_t days) const -> Result<std::string> {
  auto* csr = static_cast<X509_REQ*>(request.csr.get());
  auto* ca = state_->certificate.get();
  Certificate const certificate(X509_new());
  auto* c = certificate.get();
  time_t const begin = now_ms / 1000 - kBackdated_s;
  time_t const end = now_ms / 1000 + days * 86400;
  // The subject is made anew: nothing of the request but its key gets in.
  bool const made =
      c && X509_set_version(c, X509_VERSION_3) == 1 && set_random_serial(c) &&
      X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                                 reinterpret_cast<unsigned char const*>(device.str().data()),
                                 static_cast<int>(device.str().size()), -1, 0) == 1 &&
      X509_set_issuer_name(c, X509_get_subject_name(ca)) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(c), begin) && ASN1_TIME_set(X509_getm_notAfter(c), end) &&
      X509_set_pubkey(c, X509_REQ_get0_pubkey(csr)) == 1 &&
      add_extension(c, ca, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(c, ca, NID_key_usage, "critical,digitalSignature") &&
      add_extension(c, ca, NID_ext_key_usage, "clientAuth") &&
      add_extension(c, ca, NID_subject_key_identifier, "hash") &&
      (!X509_get0_subject_key_id(ca) ||
       add_extension(c, ca, NID_authority_key_identifier, "keyid")) &&
      X509_sign(c, state_->key.get(), EVP_sha256()) > 0;
  Bio const out(BIO_new(BIO_s_mem()));
  if (!made || !out || PEM_write_bio_X509(out.get(), c) != 1) {
    ERR_clear_error();
    return internal("the device's certificate could not be made");
  }
  char* text = nullptr;
  auto const size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

}  // namespace godwit::server
