// The system's clocks behind the Clock port.
#pragma once

#include <chrono>

#include "proto/base/clock.h"

namespace godwit::agent {

class SystemClock : public Clock {
 public:
  auto now_ms() const -> int64_t override { return milliseconds<std::chrono::system_clock>(); }
  auto monotonic_ms() const -> int64_t override {
    return milliseconds<std::chrono::steady_clock>();
  }

 private:
  template <typename AnyClock>
  static auto milliseconds() -> int64_t {
    return std::chrono::duration_cast<std::chrono::milliseconds>(AnyClock::now().time_since_epoch())
        .count();
  }
};

}  // namespace godwit::agent
