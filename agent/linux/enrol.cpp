#include "agent/linux/enrol.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "agent/linux/answer.h"
#include "proto/trust/seal.h"

namespace godwit::agent {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

auto text_of(BIO* bio) -> std::string {
  char* data = nullptr;
  auto const size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

/// The stored text under this name, or what `make` makes, stored first.
template <typename Make>
auto stored_or_made(Files& files, std::string_view name, Make make) -> Result<std::string> {
  auto stored = load_text(files, name);
  if (stored || stored.error().code != Code::not_found) return stored;
  TRY(std::string made, make());
  TRY_VOID(store_whole(files, name, made));
  return made;
}

auto token_of(AgentConfig const& config) -> Result<std::string> {
  if (!config.enrolment_token.empty()) return config.enrolment_token;
  if (config.enrolment_token_file.empty())
    return invalid("this device has no identity: set enrolment_token or enrolment_token_file");
  auto text = read_file(config.enrolment_token_file, 4096);
  if (!text) return retry("waiting for a token in " + config.enrolment_token_file);
  auto const end = text->find_last_not_of(" \t\r\n");
  return text->substr(0, end == std::string::npos ? 0 : end + 1);
}

}  // namespace

auto make_device_key() -> Result<std::string> {
  Owned<EVP_PKEY> const key(EVP_EC_gen("P-256"));
  Owned<BIO> const bio(BIO_new(BIO_s_mem()));
  if (!key || !bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return internal("cannot make a device key");
  return text_of(bio.get());
}

auto make_request(std::string_view key_pem, DeviceId const& device) -> Result<std::string> {
  Owned<BIO> const in(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  Owned<EVP_PKEY> const key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  if (!key) return corrupt("the device's key cannot be read");
  Owned<X509_REQ> const request(X509_REQ_new());
  Owned<BIO> const out(BIO_new(BIO_s_mem()));
  auto* const name = X509_REQ_get_subject_name(request.get());
  auto const* const id = reinterpret_cast<unsigned char const*>(device.str().c_str());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, id, -1, -1, 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0 ||
      PEM_write_bio_X509_REQ(out.get(), request.get()) != 1)
    return internal("cannot make a certificate request");
  return text_of(out.get());
}

auto enrol(AgentConfig const& config, Files& identity, int interrupt_fd) -> Result<Endpoints> {
  TRY(auto const token, token_of(config));
  TRY(auto const key, stored_or_made(identity, identity_file::kKey, make_device_key));
  TRY(auto const seal_pem, stored_or_made(identity, identity_file::kSealingKey, [] {
        return Result<std::string>(proto::SealingKey::generate().pem());
      }));
  TRY(auto const seal, proto::SealingKey::from_pem(seal_pem));
  TRY(auto const request, make_request(key, config.device));
  TRY(auto origin, Origin::parse(config.server_url));
  TRY(auto client,
      HttpsClient::open(std::move(origin), {config.server_ca, "", ""}, {}, interrupt_fd));
  AnswerSink sink;
  HttpsRequest const post{"POST",
                          "/api/v1/enrol",
                          {{"Content-Type", "application/json"}},
                          Json::object({{"token", token},
                                        {"device_id", config.device.str()},
                                        {"csr", request},
                                        {"sealing_key", to_base64(seal.public_bytes())},
                                        {"hardware_id", config.facts.hardware_id},
                                        {"attributes", config.attributes}})
                              .dump()};
  TRY(auto const head, client.send(post, sink));
  if (head.status != 200 && head.status != 201) return refusal(head.status, sink.text);
  TRY(auto const answer, Json::parse(sink.text).within("the server's answer"));
  TRY(auto const certificate, answer.get_string("certificate"));
  TRY(auto const authority, answer.get_string("ca"));
  TRY(auto endpoints, decode_endpoints(sink.text).within("the server's answer"));
  TRY_VOID(store_whole(identity, identity_file::kCertificate, certificate));
  TRY_VOID(store_whole(identity, identity_file::kDeviceCa, authority));
  TRY_VOID(store_whole(identity, identity_file::kEndpoints, encode(endpoints)));
  return endpoints;
}

}  // namespace godwit::agent
