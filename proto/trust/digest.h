// SHA-256 (FIPS 180-4), one shot and streaming; random bytes; secrets and their comparison.
#pragma once

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

/// A private or symmetric key of 256 bits, overwritten when dropped.
struct Secret {
  std::array<uint8_t, 32> bytes{};

  static auto generate() -> Secret;
  static auto from_bytes(ByteView raw32) -> Result<Secret>;
  Secret() = default;
  Secret(Secret const&) = default;
  auto operator=(Secret const&) -> Secret& = default;
  ~Secret() { cleanse(bytes); }
};

}  // namespace godwit::proto
