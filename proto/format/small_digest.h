// SHA-256 (FIPS 180-4) in 112 bytes of state, for what runs on devices without OpenSSL or
// without the allocator: the engine, and small decoders. All others use proto/trust/digest.
#pragma once

#include "proto/base/bytes.h"

namespace godwit::proto {

class SmallSha256 {
 public:
  void add(ByteView bytes);
  auto finish() -> Sha256;  // once

 private:
  void compress();

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_{};
  uint64_t bytes_ = 0;
};

auto small_sha256(ByteView bytes) -> Sha256;

}  // namespace godwit::proto
