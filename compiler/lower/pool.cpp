// AVERAGE_POOL_2D and MAX_POOL_2D.
#include "compiler/lower/lower.h"
#include "compiler/lower/window.h"

namespace godwit::compiler {

namespace {

auto lower_pool(Lowering& lowering, proto::Opcode code) -> Result<> {
  TRY_VOID(lowering.check_count(1, 1));
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(0, {output->type}));
  TRY_VOID(lowering.check_same_quantisation(0, *output));
  if (input->shape.size() != 4 || output->shape.size() != 4)
    return lowering.fail(0, "does not have four dimensions, or the output does not");
  TRY(auto const width, lowering.option_int(3, 0));
  TRY(auto const height, lowering.option_int(4, 0));
  if (width < 1 || height < 1) return invalid("has an empty filter");
  Extent const filter{static_cast<uint32_t>(height), static_cast<uint32_t>(width)};
  TRY(auto const window, lower_window(lowering, filter, {1, 1}));
  TRY(auto const activation, lowering.activation_option(5));
  TRY(auto const value, lowering.value(0));
  proto::PoolParams const params{window, height, width,
                                 activation_clamp(activation, output->scales[0],
                                                  zero_point(*output), whole_range(output->type))};
  // The average of uint8 is rounded halves upwards; moved by 128, halves away from zero differ.
  if (code == proto::Opcode::average_pool_2d && output->moved)
    code = proto::Opcode::average_pool_2d_up;
  return lowering.finish({code, {value}, {}, proto::param_words(params)});
}

}  // namespace

auto lower_average_pool_2d(Lowering& lowering) -> Result<> {
  return lower_pool(lowering, proto::Opcode::average_pool_2d);
}

auto lower_max_pool_2d(Lowering& lowering) -> Result<> {
  return lower_pool(lowering, proto::Opcode::max_pool_2d);
}

}  // namespace godwit::compiler
