#include "proto/trust/digest.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "proto/trust/evp.h"

namespace godwit::proto {

auto sha256(ByteView bytes) -> Sha256 {
  Sha256 digest;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.bytes.data(), nullptr, EVP_sha256(),
                   nullptr) == 1);
  return digest;
}

struct Sha256Stream::State {
  OwnedDigest context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
auto Sha256Stream::operator=(Sha256Stream&&) noexcept -> Sha256Stream& = default;

void Sha256Stream::add(ByteView bytes) {
  CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

auto Sha256Stream::finish() -> Sha256 {
  Sha256 digest;
  CHECK(EVP_DigestFinal_ex(state_->context.get(), digest.bytes.data(), nullptr) == 1);
  return digest;
}

void random_bytes(std::span<uint8_t> out) {
  // RAND_bytes takes an int; what is asked for here is a key or a nonce.
  CHECK(out.size() <= 4096 && RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

auto equal_constant_time(ByteView a, ByteView b) -> bool {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void cleanse(std::span<uint8_t> secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
}

}  // namespace godwit::proto
