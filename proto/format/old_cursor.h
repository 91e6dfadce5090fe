// Where an instruction of a patch reads the old file: a position that cannot leave it. Both patch
// formats move and read through it, so the bounds are checked in one place.
#pragma once

#include <span>

#include "proto/base/bytes.h"

namespace godwit::proto {

class OldCursor {
 public:
  explicit OldCursor(ByteView old_file) : old_(old_file) {}

  /// Adds the next old bytes to `out`, byte by byte modulo 256, and moves past them.
  auto add_to(std::span<uint8_t> out) -> Result<> {
    if (out.size() > old_.size() - at_) return corrupt("it reads past the end of the old file");
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(out[i] + old_[at_ + i]);
    at_ += out.size();
    return {};
  }
  auto seek(int64_t distance) -> Result<> {
    auto const here = static_cast<int64_t>(at_);
    if (distance < -here || distance > static_cast<int64_t>(old_.size()) - here)
      return corrupt("it seeks out of the old file");
    at_ = static_cast<size_t>(here + distance);
    return {};
  }

 private:
  ByteView old_;
  size_t at_ = 0;
};

}  // namespace godwit::proto
