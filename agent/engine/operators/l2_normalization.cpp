// L2_NORMALIZATION over the last dimension.
#include "agent/engine/inverse_root.h"
#include "agent/engine/operators/operators.h"

namespace godwit::engine {

/// The output is in units of 1/128: seven more bits, which the reference has in the values where
/// they are uint8, and else in the factor.
void l2_normalization(Step const& step, void*) {
  auto const& in = step.inputs[0];
  bool const is_signed = in.type == proto::TensorType::int8;
  int32_t const depth = in.shape[static_cast<size_t>(in.shape.rank - 1)];
  proto::Clamp const whole = is_signed ? proto::Clamp{-128, 127} : proto::Clamp{0, 255};
  auto const value = [&](int32_t i) {
    return (is_signed ? in.int8()[i] : in.data[i]) - in.zero_point;
  };
  uint8_t* to = step.output().data;
  for (int32_t from = 0; from < in.shape.elements; from += depth) {
    uint32_t squares = 0;
    for (int32_t i = from; i < from + depth; ++i)
      squares += static_cast<uint32_t>(value(i) * value(i));
    auto factor = inverse_root(static_cast<int32_t>(squares));
    if (is_signed) factor.shift += 7;
    for (int32_t i = from; i < from + depth; ++i)
      *to++ = static_cast<uint8_t>(requantise(is_signed ? value(i) : value(i) * 128, factor,
                                              is_signed ? 0 : 128, whole, step.op.rounding()));
  }
}

}  // namespace godwit::engine
