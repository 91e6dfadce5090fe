// PAD and RESHAPE: bytes move, values stay.
#include <algorithm>
#include <cstring>

#include "agent/engine/operators/operators.h"

namespace godwit::engine {

void pad(Step const& step, void*) {
  auto const p = step.op.params<proto::PadParams>();
  auto const& in = step.inputs[0].shape;
  auto const& out = step.output().shape;
  std::memset(step.output().data, static_cast<uint8_t>(p.value), step.output().size_bytes);
  auto const last = static_cast<size_t>(std::max(in.rank, 1)) - 1;
  int32_t const line = in[last];
  for (int32_t row = 0; row < in.elements / line; ++row) {
    // Where this line of the input starts in the output: its index, dimension by dimension.
    ptrdiff_t target = p.before[last];
    ptrdiff_t size = out[last];
    int32_t rest = row;
    for (size_t d = last; d-- > 0;) {
      target += (rest % in[d] + p.before[d]) * size;
      size *= out[d];
      rest /= in[d];
    }
    std::memmove(step.output().data + target, step.inputs[0].data + ptrdiff_t{row} * line,
                 static_cast<size_t>(line));
  }
}

void reshape(Step const& step, void*) {
  std::memmove(step.output().data, step.inputs[0].data, step.output().size_bytes);
}

}  // namespace godwit::engine
