// One bzip2 stream, decoded piece by piece from bytes that we do not trust.
#pragma once

#include <bzlib.h>

#include <span>

#include "proto/base/bytes.h"

namespace godwit::proto {

class Bzip2Stream {
 public:
  explicit Bzip2Stream(ByteView coded);
  ~Bzip2Stream();
  Bzip2Stream(Bzip2Stream const&) = delete;
  auto operator=(Bzip2Stream const&) -> Bzip2Stream& = delete;

  /// Fills `out`; `corrupt` when the stream is damaged or holds less.
  auto read(std::span<uint8_t> out) -> Result<>;
  /// `corrupt` unless stream and coded bytes both end here.
  auto finish() -> Result<>;

 private:
  ByteView coded_;
  bz_stream state_{};
  bool ended_ = false;
};

}  // namespace godwit::proto
