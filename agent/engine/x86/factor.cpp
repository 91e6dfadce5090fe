#include "agent/engine/x86/factor.h"

#include <algorithm>
#include <limits>

namespace godwit::engine::x86 {

namespace {

constexpr auto kRounding = proto::Rounding::twice;

}  // namespace

auto fits_shared(proto::Multiplier multiplier, int64_t largest) -> bool {
  return largest <= kSumMax && fits_factor(multiplier, largest, kRounding);
}

auto factor_of(proto::Multiplier multiplier) -> Factor {
  Block block;
  set_lane(block, 0, {0, multiplier}, kRounding);
  auto const& whole = block.whole;
  bool const twice = whole.left[0] == 0;
  int32_t const left = twice ? 1 : whole.left[0];
  int32_t const right = whole.shift[0] + (twice ? 1 : 0) - 32;
  return {(INT64_C(1) << (31 + right)) + (twice ? INT64_C(1) << 31 : 0), whole.multiplier[0],
          twice ? 0 : std::numeric_limits<int32_t>::min(), left, right};
}

auto pack_lane(int8_t const* weights, int32_t depth, int32_t zero_point, Layout const& layout,
               int32_t lane, int32_t step_bytes, int8_t* packed) -> int32_t {
  uint32_t sum = 0;
  for (int32_t k = 0; k < depth; ++k) {
    packed[ptrdiff_t{k / kDepth} * step_bytes + layout.place(lane, k % kDepth)] = weights[k];
    sum += static_cast<uint32_t>(weights[k]);
  }
  return static_cast<int32_t>(0 - sum * static_cast<uint32_t>(layout.offset() + zero_point));
}

}  // namespace godwit::engine::x86
