#include "proto/format/small_digest.h"

#include <algorithm>
#include <bit>

namespace godwit::proto {
namespace {

/// Of the cube roots of the first 64 primes, as FIPS 180-4 lists them.
constexpr std::array<uint32_t, 64> kConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

void SmallSha256::add(ByteView bytes) {
  while (!bytes.empty()) {
    auto const at = static_cast<size_t>(bytes_ % block_.size());
    size_t const count = std::min(bytes.size(), block_.size() - at);
    std::copy_n(bytes.begin(), count, block_.begin() + static_cast<ptrdiff_t>(at));
    bytes_ += count;
    bytes = bytes.subspan(count);
    if (bytes_ % block_.size() == 0) compress();
  }
}

auto SmallSha256::finish() -> Sha256 {
  uint64_t const bits = bytes_ * 8;
  uint8_t const one = 0x80;
  uint8_t const zero = 0;
  add({&one, 1});
  while (bytes_ % block_.size() != 56) add({&zero, 1});
  std::array<uint8_t, 8> length;
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  add(length);
  Sha256 digest;
  for (size_t i = 0; i < digest.bytes.size(); ++i)
    digest.bytes[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

void SmallSha256::compress() {
  std::array<uint32_t, 64> w;
  for (size_t i = 0; i < 16; ++i)
    w[i] = uint32_t{block_[4 * i]} << 24 | uint32_t{block_[4 * i + 1]} << 16 |
           uint32_t{block_[4 * i + 2]} << 8 | block_[4 * i + 3];
  for (size_t i = 16; i < 64; ++i) {
    uint32_t const s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    uint32_t const s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t i = 0; i < 64; ++i) {
    uint32_t const s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    uint32_t const t1 = h + s1 + ((e & f) ^ (~e & g)) + kConstants[i] + w[i];
    uint32_t const s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    uint32_t const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  std::array<uint32_t, 8> const add = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state_[i] += add[i];
}

auto small_sha256(ByteView bytes) -> Sha256 {
  SmallSha256 digest;
  digest.add(bytes);
  return digest.finish();
}

}  // namespace godwit::proto
