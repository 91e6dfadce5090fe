// FULLY_CONNECTED: the input, whatever its shape, as rows of the weights' depth.
#include "agent/engine/operators/matrix.h"
#include "agent/engine/operators/operators.h"
#include "agent/engine/operators/wide.h"

namespace godwit::engine {

void fully_connected(Step const& step, void* scratch) {
  if (step.output().type == proto::TensorType::int16) return wide_matrix(step);
  auto const clamp = step.op.params<proto::FullyConnectedParams>().clamp;
  auto const& input = step.inputs[0];
  int32_t const depth = step.inputs[1].shape[1];
  int32_t const row_count = input.shape.elements / depth;
  auto* const rows = static_cast<int16_t*>(scratch);
  for (int32_t row = 0; row < row_count; row += kMatrixRows) {
    int32_t const count = std::min(kMatrixRows, row_count - row);
    widen(input.int8() + ptrdiff_t{row} * depth, input.zero_point, count * depth, rows);
    multiply_rows(step, clamp, rows, count, depth,
                  step.output().int8() + row * static_cast<ptrdiff_t>(step.channels().size()));
  }
}

}  // namespace godwit::engine
