#include "agent/engine/fixed_point.h"

namespace godwit::engine {

auto scale_once(int32_t value, proto::Multiplier m) -> int32_t {
  int32_t const right = 31 - m.shift;  // at least 1, at most 62
  return static_cast<int32_t>((int64_t{value} * m.value + (INT64_C(1) << (right - 1))) >> right);
}

}  // namespace godwit::engine
