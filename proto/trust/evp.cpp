#include "proto/trust/evp.h"

namespace godwit::proto {

auto no_password(char*, int, int, void*) -> int {
  return -1;
}

auto open_private(int type, Secret const& raw) -> OwnedKey {
  OwnedKey key(EVP_PKEY_new_raw_private_key(type, nullptr, raw.bytes.data(), raw.bytes.size()));
  CHECK(key);
  return key;
}

auto private_to_pem(int type, Secret const& raw) -> std::string {
  auto const key = open_private(type, raw);
  OwnedBio const bio(BIO_new(BIO_s_secmem()));
  CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr) == 1);
  char* text = nullptr;
  long const size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

auto private_from_pem(int type, std::string_view pem) -> Result<Secret> {
  constexpr size_t kPemBytesMax = 4096;
  if (pem.size() > kPemBytesMax) return invalid("too long for a private key");
  OwnedBio const bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bio);
  OwnedKey const key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return forget(invalid("not an unencrypted private key in PEM"));
  if (EVP_PKEY_get_id(key.get()) != type)
    return invalid(type == EVP_PKEY_ED25519 ? "not an Ed25519 key" : "not an X25519 key");
  Secret raw;
  size_t size = raw.bytes.size();
  CHECK(EVP_PKEY_get_raw_private_key(key.get(), raw.bytes.data(), &size) == 1 &&
        size == raw.bytes.size());
  return raw;
}

auto public_of(int type, Secret const& raw) -> std::array<uint8_t, 32> {
  auto const key = open_private(type, raw);
  std::array<uint8_t, 32> bytes{};
  size_t size = bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1 && size == bytes.size());
  return bytes;
}

}  // namespace godwit::proto
