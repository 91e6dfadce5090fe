// SHA-256 (FIPS 180-4) for firmware that links the engine and nothing else. Everything that has
// OpenSSL at hand uses proto/trust/digest.
#pragma once

#include "proto/base/bytes.h"

namespace godwit::engine {

class Sha256Hasher {
 public:
  void add(ByteView bytes);
  auto finish() -> Sha256;  // once

 private:
  void block(uint8_t const* bytes);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  size_t pending_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

auto sha256(ByteView bytes) -> Sha256;

}  // namespace godwit::engine
