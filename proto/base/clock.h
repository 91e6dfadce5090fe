// Time is an argument: whoever needs it is given a Clock, so that tests can set it.
#pragma once

#include <cstdint>

namespace godwit {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC.
  virtual auto now_ms() const -> int64_t = 0;
  /// Milliseconds of a clock that never goes back; its origin means nothing.
  virtual auto monotonic_ms() const -> int64_t = 0;
};

}  // namespace godwit
