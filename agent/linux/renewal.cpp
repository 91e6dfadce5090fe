#include "agent/linux/renewal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>

#include "agent/linux/answer.h"
#include "agent/linux/enrol.h"
#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kNext = "device.crt.next";  // not proved yet
constexpr int64_t kAgainAfterErrorMs = 3600'000;
constexpr int64_t kAgainMs = 86400'000;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

auto memory(std::string_view text) -> Owned<BIO> {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

auto parse_certificate(std::string_view pem) -> Result<Owned<X509>> {
  Owned<X509> certificate(PEM_read_bio_X509(memory(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return corrupt("it is no certificate");
  return certificate;
}

auto seconds_of(ASN1_TIME const* time) -> Result<int64_t> {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return corrupt("a certificate without its times");
  return int64_t{timegm(&parts)};
}

/// For our key, and good for as long as the present one at least.
auto check_next(std::string_view pem, std::string_view key_pem, CertificateTimes const& present)
    -> Result<> {
  TRY(auto const certificate, parse_certificate(pem));
  Owned<EVP_PKEY> const key(
      PEM_read_bio_PrivateKey(memory(key_pem).get(), nullptr, nullptr, nullptr));
  bool const ours = key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!ours) return corrupt("the new certificate is not for our key");
  TRY(auto const times, certificate_times(pem));
  if (times.end_s < present.end_s)
    return corrupt("the new certificate ends sooner than the present one");
  return {};
}

}  // namespace

auto certificate_times(std::string_view pem) -> Result<CertificateTimes> {
  TRY(auto const certificate, parse_certificate(pem));
  CertificateTimes times;
  TRY(times.begin_s, seconds_of(X509_get0_notBefore(certificate.get())));
  TRY(times.end_s, seconds_of(X509_get0_notAfter(certificate.get())));
  return times;
}

auto renew_at_s(CertificateTimes const& times, DeviceId const& device,
                std::optional<int64_t> left_s) -> int64_t {
  int64_t const left = left_s.value_or(std::max<int64_t>(times.end_s - times.begin_s, 0) / 3);
  int64_t const share = proto::sha256(as_bytes(device.str())).bytes[0];  // of 256
  return times.end_s - left + left / 4 * share / 256;
}

auto Renewal::due(int64_t now_s, int64_t now_monotonic_ms) -> bool {
  if (!at_s_) {
    auto const present = load_text(identity_, identity_file::kCertificate);
    auto const times = present ? certificate_times(*present) : present.error();
    if (!times) return false;  // connecting will say what is wrong with it
    at_s_ = renew_at_s(*times, settings_.device, settings_.left_s);
  }
  return now_s >= *at_s_ && now_monotonic_ms >= not_before_ms_;
}

auto Renewal::renew(HttpsClient& present) -> Result<HttpsClient> {
  not_before_ms_ = monotonic_ms() + kAgainAfterErrorMs;
  TRY(auto const now_used, load_text(identity_, identity_file::kCertificate));
  TRY(auto const times, certificate_times(now_used));
  TRY(auto const key, load_text(identity_, identity_file::kKey));
  TRY(auto const next, ask(present, key));
  TRY_VOID(check_next(next, key, times));
  TRY_VOID(store_whole(identity_, kNext, next));
  auto client = prove();
  if (!client) {
    TRY_VOID(identity_.remove(kNext));
    return std::move(client).error().within("with the new certificate");
  }
  TRY_VOID(identity_.rename(kNext, identity_file::kCertificate));
  TRY_VOID(identity_.sync_folder());
  at_s_.reset();
  not_before_ms_ = monotonic_ms() + kAgainMs;
  return client;
}

auto Renewal::ask(HttpsClient& present, std::string_view key) -> Result<std::string> {
  TRY(auto const request, make_request(key, settings_.device));
  AnswerSink sink;
  HttpsRequest const post{"POST",
                          "/device/v1/certificate",
                          {{"Content-Type", "application/json"}},
                          Json::object({{"csr", request}}).dump()};
  TRY(auto const head, present.send(post, sink));
  if (head.status != 201) return refusal(head.status, sink.text);
  TRY(auto const answer, Json::parse(sink.text).within("the server's answer"));
  return answer.get_string("certificate");
}

/// Any answer but a refusal will do: the handshake is what counts.
auto Renewal::prove() -> Result<HttpsClient> {
  auto files = settings_.files;
  files.certificate += ".next";
  TRY(auto origin, Origin::parse(settings_.device_url));
  TRY(auto client, HttpsClient::open(std::move(origin), files, {}, settings_.interrupt_fd));
  AnswerSink sink;
  TRY(auto const head, client.send({.path = "/device/v1/director/1.root.json"}, sink));
  if (head.status != 200 && head.status != 404) return refusal(head.status, sink.text);
  return client;
}

}  // namespace godwit::agent
