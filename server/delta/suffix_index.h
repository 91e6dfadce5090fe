// Where in the old file the longest match of a piece of the new file lies: a suffix array made by
// libdivsufsort, entered by the first two bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "proto/base/bytes.h"

namespace godwit::delta {

class SuffixIndex {
 public:
  struct Found {
    size_t offset = 0;
    size_t length = 0;
  };
  /// Lengths are cut off here, which bounds the time on long repetitions.
  static constexpr size_t kLengthMax = 16u << 10;

  explicit SuffixIndex(ByteView text);
  auto longest(ByteView pattern) const -> Found;

 private:
  ByteView text_;
  std::vector<int32_t> suffixes_;
  std::vector<uint32_t>
      buckets_;  // the first suffix that starts with these two bytes or sorts later
};

}  // namespace godwit::delta
