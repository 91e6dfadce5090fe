// Finds what the new file has in common with the old one: the matching of Colin Percival's bsdiff
// ("Naive differences of executable code", 2003) over a suffix array of the old file.
#pragma once

#include <functional>
#include <vector>

#include "proto/base/bytes.h"

namespace godwit::delta {

/// In the order of the new file: `add` bytes that resemble the old file from `old_offset` on (most
/// differences are zero), then `literal` bytes that resemble nothing. `old_offset + add` stays
/// inside the old file.
struct Match {
  uint64_t old_offset = 0;
  uint64_t add = 0;
  uint64_t literal = 0;
};

/// A match must beat what goes on where the one before ended by more than so many bytes, for it
/// costs an instruction: in BSDIFF40, and where instructions are coded by what was seen.
constexpr size_t kClassicGainMin = 8;
constexpr size_t kLearntGainMin = 6;

/// Covers the new file exactly. Both files are at most limits::kModelBytesMax. `on_bytes` is told
/// now and then how far in the new file the search is.
auto find_matches(ByteView old_file, ByteView new_file,
                  std::function<void(uint64_t)> const& on_bytes = {},
                  size_t gain_min = kClassicGainMin) -> std::vector<Match>;

}  // namespace godwit::delta
