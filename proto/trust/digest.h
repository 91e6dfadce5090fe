// SHA-256 (FIPS 180-4), one shot and streaming; random bytes; secrets and their comparison.
#pragma once

#include <algorithm>
#include <memory>

#include "proto/base/bytes.h"

namespace godwit::proto {

auto sha256(ByteView bytes) -> Sha256;

class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  auto operator=(Sha256Stream&&) noexcept -> Sha256Stream&;
  void add(ByteView bytes);
  auto finish() -> Sha256;  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// From the operating system's generator; aborts if it fails.
void random_bytes(std::span<uint8_t> out);
/// Takes the same time wherever the first difference lies.
auto equal_constant_time(ByteView a, ByteView b) -> bool;
/// Overwrites in a way that no optimiser removes.
void cleanse(std::span<uint8_t> secret);

/// A private or symmetric key, overwritten when dropped.
template <size_t kBytes>
struct SecretBytes {
  std::array<uint8_t, kBytes> bytes{};

  SecretBytes() = default;
  SecretBytes(SecretBytes const&) = default;
  auto operator=(SecretBytes const&) -> SecretBytes& = default;
  ~SecretBytes() { cleanse(bytes); }

  static auto generate() -> SecretBytes {
    SecretBytes secret;
    random_bytes(secret.bytes);
    return secret;
  }
  /// `invalid` for any other length.
  static auto from_bytes(ByteView raw) -> Result<SecretBytes> {
    SecretBytes secret;
    if (raw.size() != kBytes) return invalid("a key of the wrong length");
    std::copy(raw.begin(), raw.end(), secret.bytes.begin());
    return secret;
  }
};
using Secret = SecretBytes<32>;

}  // namespace godwit::proto
