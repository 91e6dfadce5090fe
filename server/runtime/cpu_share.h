// How long work must rest so that it has no more than its share of a core, at any moment since it
// began. Pure: who works tells what it used.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace godwit::server {

class CpuShare {
 public:
  using Time = std::chrono::microseconds;

  /// 1 to 100.
  explicit CpuShare(uint32_t percent) : percent_(percent) {}

  /// Of work that used `cpu` in `elapsed`, both since it began. Short rests are saved up.
  auto rest(Time cpu, Time elapsed) const -> Time {
    auto const owed = owed_after(cpu, elapsed);
    return owed < kLeast ? Time(0) : owed;
  }
  /// All of it, at the end.
  auto owed_after(Time cpu, Time elapsed) const -> Time {
    return std::max(Time(0), cpu * 100 / percent_ - elapsed);
  }

 private:
  static constexpr Time kLeast = std::chrono::milliseconds(20);
  uint32_t percent_;
};

}  // namespace godwit::server
