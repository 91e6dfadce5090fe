// RESIZE_BILINEAR.
#include <algorithm>
#include <bit>
#include <cmath>

#include "compiler/lower/lower.h"
#include "compiler/lower/rearrange.h"

namespace godwit::compiler {

namespace {

/// Steps of 1/1024 of an input pixel for each output pixel.
auto resize_scale(uint32_t in, uint32_t out, bool align_corners) -> int32_t {
  constexpr int64_t kOne = 1 << 10;
  if (align_corners && out > 1)
    return static_cast<int32_t>((kOne * (in - 1) + (out - 1) / 2) / (out - 1));
  return static_cast<int32_t>((kOne * in + out / 2) / out);
}

/// Where each output index falls among `in` inputs, in float32: between which two, and how far from
/// the lower one.
auto add_places(Lowering& lowering, uint32_t in, uint32_t out, bool align_corners, bool half_pixel)
    -> uint32_t {
  bool const corners = align_corners && out > 1;
  float const scale =
      static_cast<float>(corners ? in - 1 : in) / static_cast<float>(corners ? out - 1 : out);
  Writer words;
  for (uint32_t i = 0; i < out; ++i) {
    auto const index = static_cast<float>(i);
    float const at = half_pixel ? (index + 0.5f) * scale - 0.5f : index * scale;
    auto const lower = std::max(static_cast<int32_t>(std::floor(at)), 0);
    auto const upper = std::min(static_cast<int32_t>(std::ceil(at)), static_cast<int32_t>(in) - 1);
    words.u32(static_cast<uint32_t>(lower));
    words.u32(static_cast<uint32_t>(upper));
    words.u32(std::bit_cast<uint32_t>(at - static_cast<float>(lower)));
  }
  return lowering.add_constant({.name = "places",
                                .type = proto::TensorType::int32,
                                .shape = {3 * out},
                                .scales = {},
                                .data = std::move(words).take()});
}

}  // namespace

auto lower_resize_bilinear(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* input, lowering.activation(0));
  TRY(auto const* output, lowering.output());
  // Scales may differ: the reference kernels interpolate stored values and look at neither.
  if (input->shape.size() != 4 || output->shape.size() != 4)
    return lowering.fail(0, "does not have four dimensions, or the output does not");
  for (size_t axis : {1, 2})
    if (std::max(input->shape[axis], output->shape[axis]) > kMovedMax)
      return lowering.fail(0, "or the output is too long along one axis");
  TRY(auto const align_corners, lowering.option_byte(2));
  TRY(auto const half_pixel, lowering.option_byte(3));
  if (align_corners != 0 && half_pixel != 0)
    return invalid("aligns corners and centers of pixels, which exclude each other");
  TRY(auto const value, lowering.value(0));
  if (output->moved) {
    auto const axis = [&](size_t d) {
      return add_places(lowering, input->shape[d], output->shape[d], align_corners != 0,
                        half_pixel != 0);
    };
    return lowering.finish(
        {proto::Opcode::resize_bilinear_real, {value, axis(1), axis(2)}, {}, {}});
  }
  proto::ResizeParams const params{
      resize_scale(input->shape[1], output->shape[1], align_corners != 0),
      resize_scale(input->shape[2], output->shape[2], align_corners != 0), half_pixel != 0};
  return lowering.finish({proto::Opcode::resize_bilinear, {value}, {}, proto::param_words(params)});
}

}  // namespace godwit::compiler
