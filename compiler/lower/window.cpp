#include "compiler/lower/window.h"

#include <algorithm>

namespace godwit::compiler {

namespace {

constexpr int8_t kSame = 0;
constexpr int8_t kValid = 1;

/// How far before the input the first window starts along one axis.
auto lower_axis(bool same, int32_t stride, int32_t dilation, uint32_t filter, uint32_t input,
                uint32_t output) -> Result<int32_t> {
  if (stride < 1 || stride > 1 << 15 || dilation < 1 || dilation > 1 << 15)
    return invalid("has a stride or a dilation out of range");
  int64_t const reach = int64_t{filter - 1} * dilation + 1;
  int64_t const expected =
      same ? (int64_t{input} + stride - 1) / stride : (int64_t{input} - reach + stride) / stride;
  if (expected != output)
    return invalid("has an output of " + std::to_string(output) +
                   " positions along an axis where " + std::to_string(expected) + " are expected");
  int64_t const missing = (int64_t{output} - 1) * stride + reach - input;
  int64_t const pad = same ? std::max<int64_t>(missing, 0) / 2 : 0;
  if (pad > 1 << 15) return invalid("has too much padding");
  return static_cast<int32_t>(pad);
}

}  // namespace

auto lower_window(Lowering const& lowering, Extent filter, Dilation dilation)
    -> Result<proto::Window> {
  TRY(auto const* input, lowering.activation(0, whole_types()));
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const padding, lowering.option_byte(0));
  TRY(auto const stride_width, lowering.option_int(1, 0));
  TRY(auto const stride_height, lowering.option_int(2, 0));
  if (padding != kSame && padding != kValid) return invalid("has an unknown kind of padding");
  bool const same = padding == kSame;
  TRY(auto const top, lower_axis(same, stride_height, dilation.height, filter.height,
                                 input->shape[1], output->shape[1]));
  TRY(auto const left, lower_axis(same, stride_width, dilation.width, filter.width, input->shape[2],
                                  output->shape[2]));
  return proto::Window{stride_height, stride_width, top, left};
}

}  // namespace godwit::compiler
