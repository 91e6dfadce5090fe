// Which steps the kernels of pixels take.
#include "agent/engine/x86/pixels.h"

namespace godwit::engine::x86 {

auto arg_fits(Step const& step) -> bool {
  auto const& in = step.inputs[0];
  return in.type == proto::TensorType::int8 &&
         step.op.params<proto::ArgParams>().axis == in.shape.rank - 1;
}

auto resize_real_fits(Step const& step) -> bool {
  constexpr uint64_t kScratchMax = 1 << 24;
  // Eight channels are read where there may be fewer.
  return step.inputs[0].place == proto::Place::arena &&
         resize_real_scratch_bytes(step) <= kScratchMax;
}

auto resize_real_scratch_bytes(Step const& step) -> uint64_t {
  auto const& in = step.inputs[0].shape;
  uint64_t const line = static_cast<uint64_t>(in[2]) * static_cast<uint64_t>((in[3] + 7) / 8 * 8);
  return 2 * sizeof(float) * line;
}

}  // namespace godwit::engine::x86
