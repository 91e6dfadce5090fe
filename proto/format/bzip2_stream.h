// One bzip2 stream, decoded piece by piece from bytes that we do not trust.
#pragma once

#include <bzlib.h>

#include <array>
#include <span>

#include "proto/format/byte_source.h"

namespace godwit::proto {

class Bzip2Stream {
 public:
  /// The bytes [offset, offset + coded_bytes) of `source`, which outlives it, read in small pieces.
  Bzip2Stream(ByteSource& source, uint64_t offset, uint64_t coded_bytes);
  ~Bzip2Stream();
  Bzip2Stream(Bzip2Stream const&) = delete;
  auto operator=(Bzip2Stream const&) -> Bzip2Stream& = delete;

  /// Fills `out`; `corrupt` when the stream is damaged or holds less.
  auto read(std::span<uint8_t> out) -> Result<>;
  /// `corrupt` unless stream and coded bytes both end here.
  auto finish() -> Result<>;

 private:
  auto refill() -> Result<>;

  ByteSource& source_;
  uint64_t at_;
  uint64_t left_;  // that were not yet read
  bz_stream state_{};
  bool ended_ = false;
  std::array<uint8_t, 4096> buffer_;
};

}  // namespace godwit::proto
