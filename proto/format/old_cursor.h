// Where an instruction of a patch reads the old file: a position that cannot leave it. Both patch
// formats move and read through it, so the bounds are checked in one place.
#pragma once

#include "proto/format/byte_source.h"

namespace godwit::proto {

class OldCursor {
 public:
  OldCursor(ByteSource& old_file, uint64_t bytes) : old_(old_file), bytes_(bytes) {}

  /// Adds the next old bytes to `out`, byte by byte modulo 256, and moves past them.
  auto add_to(std::span<uint8_t> out) -> Result<> {
    if (out.size() > bytes_ - at_) return corrupt("it reads past the end of the old file");
    std::array<uint8_t, 4096> buffer;
    while (!out.empty()) {
      auto const old = std::span(buffer).first(std::min(out.size(), buffer.size()));
      TRY_VOID(old_.read(at_, old));
      for (size_t i = 0; i < old.size(); ++i) out[i] = static_cast<uint8_t>(out[i] + old[i]);
      at_ += old.size();
      out = out.subspan(old.size());
    }
    return {};
  }
  /// Moves past bytes that nobody needs.
  auto pass(uint64_t count) -> Result<> {
    if (count > bytes_ - at_) return corrupt("it reads past the end of the old file");
    at_ += count;
    return {};
  }
  auto seek(int64_t distance) -> Result<> {
    auto const here = static_cast<int64_t>(at_);
    if (distance < -here || distance > static_cast<int64_t>(bytes_) - here)
      return corrupt("it seeks out of the old file");
    at_ = static_cast<uint64_t>(here + distance);
    return {};
  }

 private:
  ByteSource& old_;
  uint64_t bytes_;
  uint64_t at_ = 0;
};

}  // namespace godwit::proto
