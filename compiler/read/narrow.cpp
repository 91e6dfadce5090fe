#include "compiler/read/narrow.h"

#include <algorithm>

namespace godwit::compiler {

namespace {

auto moves_values(TfliteCode code) -> bool {
  constexpr TfliteCode kCodes[] = {
      TfliteCode::reshape,       TfliteCode::squeeze, TfliteCode::expand_dims,   TfliteCode::cast,
      TfliteCode::transpose,     TfliteCode::gather,  TfliteCode::strided_slice, TfliteCode::slice,
      TfliteCode::concatenation, TfliteCode::pack};
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

}  // namespace

void narrow_places(TfliteModel& model) {
  std::vector<bool> narrowed(model.tensors.size());
  auto const is_narrow = [&](int32_t index) {
    return index >= 0 && (narrowed[static_cast<size_t>(index)] ||
                          model.tensors[static_cast<size_t>(index)].type == TfliteType::int32);
  };
  for (auto const& op : model.operators) {
    bool const tells_places = op.code == TfliteCode::arg_max || op.code == TfliteCode::arg_min;
    bool const moves_them =
        moves_values(op.code) && !op.inputs.empty() && is_narrow(op.inputs.front());
    if (!tells_places && !moves_them) continue;
    for (int32_t const index : op.outputs) {
      auto& tensor = model.tensors[static_cast<size_t>(index)];
      if (tensor.type != TfliteType::int64 || !tensor.data.empty()) continue;
      tensor.type = TfliteType::int32;
      narrowed[static_cast<size_t>(index)] = true;
    }
  }
}

}  // namespace godwit::compiler
