// L2_NORMALIZATION over the last dimension.
#include "agent/engine/inverse_root.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

void l2_normalization(Step const& step, void*) {
  auto const& in = step.inputs[0];
  int32_t const depth = in.shape[static_cast<size_t>(in.shape.rank - 1)];
  int8_t* to = step.output().int8();
  for (int32_t from = 0; from < in.shape.elements; from += depth) {
    uint32_t squares = 0;
    for (int32_t i = 0; i < depth; ++i) {
      int32_t const value = in.int8()[from + i] - in.zero_point;
      squares += static_cast<uint32_t>(value * value);
    }
    auto factor = inverse_root(static_cast<int32_t>(squares));
    factor.shift += 7;  // The output is in units of 1/128.
    for (int32_t i = 0; i < depth; ++i)
      *to++ = static_cast<int8_t>(requantise(in.int8()[from + i] - in.zero_point, factor, 0,
                                             {-128, 127}, step.op.rounding()));
  }
}

}  // namespace godwit::engine
