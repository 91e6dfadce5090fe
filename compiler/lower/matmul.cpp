// BATCH_MATMUL.
#include "compiler/lower/lower.h"

namespace godwit::compiler {

auto lower_batch_matmul(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* a, lowering.activation(0, {output->type}));
  TRY(auto const* b, lowering.activation(1, {output->type}));
  TRY(auto const transpose_first, lowering.option_byte(0));
  TRY(auto const transpose_second, lowering.option_byte(1));
  TRY(auto const first, lowering.computed_value(0));
  TRY(auto const second, lowering.computed_value(1));
  proto::BatchMatmulParams const params{
      transpose_first != 0, transpose_second != 0,
      quantise_multiplier(real_scale(*a) * real_scale(*b) / real_scale(*output)),
      whole_range(output->type)};
  return lowering.finish(
      {proto::Opcode::batch_matmul, {first, second}, {}, proto::param_words(params)});
}

}  // namespace godwit::compiler
