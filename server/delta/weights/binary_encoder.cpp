#include "server/delta/weights/binary_encoder.h"

#include <array>
#include <cmath>

namespace godwit::delta {

void BinaryEncoder::emit() {
  if (low_ >> 32) {
    size_t at = out_.size();
    while (at > 0 && ++out_[at - 1] == 0) --at;  // the first byte can never overflow
    low_ &= 0xffffffff;
  }
  out_.push_back(static_cast<uint8_t>(low_ >> 24));
  low_ = (low_ << 8) & 0xffffffff;
}

auto BinaryEncoder::finish() -> Bytes {
  // A number of the range whose low 24 bits are zero: the range is never below 2^24.
  low_ = (low_ + 0xffffff) & ~uint64_t{0xffffff};
  emit();
  while (!out_.empty() && out_.back() == 0) out_.pop_back();
  return std::move(out_);
}

auto CostCounter::cost(uint32_t p) -> float {
  static auto const table = [] {
    std::array<float, 4096> bits{};
    for (size_t i = 0; i < bits.size(); ++i)
      bits[i] = static_cast<float>(-std::log2((static_cast<double>(i) + 0.5) / 4096));
    return bits;
  }();
  return table[p >> 4 < 4096 ? p >> 4 : 4095];
}

}  // namespace godwit::delta
