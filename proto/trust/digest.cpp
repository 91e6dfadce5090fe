#include "proto/trust/digest.h"

// SHA-256 by its own functions, which are deprecated for EVP: that fetches algorithms from a
// provider, for which libcrypto reads its configuration and takes two megabytes of each process
// that hashes, also where hashing is all that it wants of it (docs/benchmarks.md, "Deltas").
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace godwit::proto {

auto sha256(ByteView bytes) -> Sha256 {
  Sha256Stream stream;
  stream.add(bytes);
  return stream.finish();
}

struct Sha256Stream::State {
  SHA256_CTX context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  CHECK(SHA256_Init(&state_->context) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
auto Sha256Stream::operator=(Sha256Stream&&) noexcept -> Sha256Stream& = default;

void Sha256Stream::add(ByteView bytes) {
  CHECK(SHA256_Update(&state_->context, bytes.data(), bytes.size()) == 1);
}

auto Sha256Stream::finish() -> Sha256 {
  Sha256 digest;
  CHECK(SHA256_Final(digest.bytes.data(), &state_->context) == 1);
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
