// Fully connected layers as matrix products: rows are read where they lie unless their last step
// would read past the input.
#include <algorithm>

#include "agent/engine/operators/matrix.h"
#include "agent/engine/x86/conv.h"
#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

namespace {

/// Rows lie one after another; the last step of each may have to be filled up.
struct Dense {
  int32_t depth, rows, parts;

  explicit Dense(Step const& step)
      : depth(step.inputs[1].shape[1]),
        rows(step.inputs[0].shape.elements / depth),
        parts(weight_parts(step)) {}

  auto runs() const -> Runs {
    Runs runs{parts, depth, depth, 1};
    runs.parts = parts;
    return runs;
  }
  auto copies(Layout const& layout) const -> bool { return layout.words || depth % kDepth != 0; }
  auto pitch() const -> ptrdiff_t { return (depth + kDepth - 1) / kDepth * kDepth; }
};

}  // namespace

auto fully_connected_fits(Step const& step) -> bool {
  Dense const dense(step);
  return fits_blocks(step, int64_t{dense.depth} * dense.parts) && fits_weights(step) &&
         !overlaps(step);
}

auto fully_connected_packed_bytes(Step const& step) -> uint64_t {
  return matrix_bytes(step.inputs[1].shape[0], Dense(step).runs());
}

void fully_connected_pack(Step const& step, Layout const& layout, uint8_t* packed) {
  Dense const dense(step);
  constexpr int32_t kStarts[2] = {};
  auto const clamp = step.op.params<proto::FullyConnectedParams>().clamp;
  pack_matrix(step, layout, finish_of(step, clamp), dense.runs(), kStarts, dense.rows, packed);
}

auto fully_connected_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t {
  Dense const dense(step);
  auto const copy = static_cast<uint64_t>(kRowsMax * dense.pitch() * layout.value_bytes());
  return kSumsBytes + (dense.copies(layout) ? copy : 0);
}

void fully_connected_run(Step const& step, Layout const& layout, MultiplyRows multiply,
                         void* scratch) {
  Dense const dense(step);
  auto const& matrix = *reinterpret_cast<Matrix const*>(step.packed);
  auto* const copy = static_cast<uint8_t*>(scratch) + kSumsBytes;
  ptrdiff_t const pitch = dense.pitch() * layout.value_bytes();
  int8_t const* input = step.inputs[0].int8();
  int8_t* output = step.output().int8();
  for (int32_t row = 0; row < dense.rows; row += kRowsMax) {
    int32_t const count = std::min(kRowsMax, dense.rows - row);
    void const* rows[kRowsMax];
    for (int32_t i = 0; i < count; ++i, input += dense.depth) {
      rows[i] = input;
      if (!dense.copies(layout)) continue;
      rows[i] = copy + i * pitch;
      if (layout.words)
        widen(input, 0, dense.depth, reinterpret_cast<int16_t*>(copy + i * pitch));
      else
        std::copy_n(input, dense.depth, reinterpret_cast<int8_t*>(copy + i * pitch));
    }
    multiply(matrix, rows, count, output, matrix.channels, static_cast<int32_t*>(scratch));
    output += ptrdiff_t{count} * matrix.channels;
  }
}

}  // namespace godwit::engine::x86
