#include "compiler/read/open_shapes.h"

#include <algorithm>
#include <numeric>

#include "compiler/read/known_numbers.h"
#include "proto/format/model.h"

namespace godwit::compiler {

namespace {

using Shape = std::vector<uint32_t>;

auto elements_of(Shape const& shape) -> uint64_t {
  uint64_t elements = 1;
  for (auto extent : shape) {
    elements *= extent;
    if (elements > proto::kTensorBytesMax) return 0;
  }
  return elements;
}

class Settling {
 public:
  explicit Settling(TfliteModel& model) : model_(model) {}

  void run() {
    std::vector<TfliteOperator> left;
    for (auto& op : model_.operators) {
      for (size_t i = 0; i < op.outputs.size(); ++i) settle(op, i);
      if (!make_known(model_, op)) left.push_back(std::move(op));
    }
    model_.operators = std::move(left);
  }

 private:
  auto tensor(int32_t index) -> TfliteTensor& { return model_.tensors[static_cast<size_t>(index)]; }
  auto input(TfliteOperator const& op, size_t i) -> Shape const* {
    return i < op.inputs.size() && op.inputs[i] >= 0 ? &tensor(op.inputs[i]).shape : nullptr;
  }

  void settle(TfliteOperator const& op, size_t i) {
    auto& output = tensor(op.outputs[i]);
    if (output.open.size() != output.shape.size() || !input(op, 0)) return;
    auto shape = output.shape;
    if (!solve(op, output, shape)) return;
    output.elements = static_cast<uint32_t>(elements_of(shape));
    output.shape = std::move(shape);
  }

  auto solve(TfliteOperator const& op, TfliteTensor const& output, Shape& shape) -> bool {
    switch (op.code) {
      case TfliteCode::reshape:
        return solve_reshape(op, output, shape);
      case TfliteCode::squeeze:
      case TfliteCode::expand_dims:
        return solve_by_elements(elements_of(*input(op, 0)), output, shape);
      case TfliteCode::transpose:
        return solve_transpose(op, shape);
      case TfliteCode::space_to_batch_nd:
      case TfliteCode::batch_to_space_nd:
        return solve_blocks(op, shape);
      case TfliteCode::fully_connected:
        return solve_fully_connected(op, output, shape);
      case TfliteCode::unpack:
        return solve_by_elements(elements_of(*input(op, 0)) / op.outputs.size(), output, shape);
      case TfliteCode::pack:
        return solve_by_elements(elements_of(*input(op, 0)) * op.inputs.size(), output, shape);
      case TfliteCode::shape:
        return false;
      default:
        return solve_by_axes(op, output, shape);
    }
  }

  /// One open extent is what is left of the elements.
  static auto solve_by_elements(uint64_t elements, TfliteTensor const& output, Shape& shape)
      -> bool {
    if (std::count(output.open.begin(), output.open.end(), true) != 1) return false;
    auto const at = static_cast<size_t>(std::find(output.open.begin(), output.open.end(), true) -
                                        output.open.begin());
    shape[at] = 1;
    auto const others = elements_of(shape);
    if (others == 0 || elements == 0 || elements % others != 0) return false;
    shape[at] = static_cast<uint32_t>(elements / others);
    return true;
  }

  auto solve_reshape(TfliteOperator const& op, TfliteTensor const& output, Shape& shape) -> bool {
    auto const elements = elements_of(*input(op, 0));
    auto const numbers = op.inputs.size() > 1 ? known_numbers(model_, op.inputs[1]) : std::nullopt;
    if (!numbers || numbers->size() != shape.size())
      return solve_by_elements(elements, output, shape);
    TfliteTensor asked;
    for (size_t d = 0; d < shape.size(); ++d) {
      auto const extent = (*numbers)[d];
      if (extent < -1 || extent > UINT32_MAX) return false;
      asked.open.push_back(extent == -1);
      shape[d] = extent == -1 ? 1 : static_cast<uint32_t>(extent);
    }
    bool const all_told = std::find(asked.open.begin(), asked.open.end(), true) == asked.open.end();
    return all_told ? elements_of(shape) == elements : solve_by_elements(elements, asked, shape);
  }

  auto solve_transpose(TfliteOperator const& op, Shape& shape) -> bool {
    auto const axes = op.inputs.size() > 1 ? known_numbers(model_, op.inputs[1]) : std::nullopt;
    auto const& from = *input(op, 0);
    if (!axes || axes->size() != shape.size() || from.size() != shape.size()) return false;
    for (size_t d = 0; d < shape.size(); ++d) {
      auto const axis = (*axes)[d];
      if (axis < 0 || axis >= static_cast<int64_t>(from.size())) return false;
      shape[d] = from[static_cast<size_t>(axis)];
    }
    return true;
  }

  /// The batch takes what the blocks take from the other axes, or gives it back.
  auto solve_blocks(TfliteOperator const& op, Shape& shape) -> bool {
    auto const blocks = op.inputs.size() > 1 ? known_numbers(model_, op.inputs[1]) : std::nullopt;
    auto const& from = *input(op, 0);
    if (!blocks || from.empty() || shape.empty()) return false;
    uint64_t count = 1;
    for (auto block : *blocks) {
      if (block < 1 || block > UINT16_MAX || count > UINT16_MAX) return false;
      count *= static_cast<uint64_t>(block);
    }
    bool const grows = op.code == TfliteCode::space_to_batch_nd;
    uint64_t const batch = grows ? from[0] * count : from[0] / count;
    if (batch == 0 || batch > UINT32_MAX) return false;
    shape[0] = static_cast<uint32_t>(batch);
    return true;
  }

  auto solve_fully_connected(TfliteOperator const& op, TfliteTensor const& output, Shape& shape)
      -> bool {
    auto const* const weights = input(op, 1);
    auto const& from = *input(op, 0);
    if (!weights || weights->size() != 2 || (*weights)[1] == 0) return false;
    if (shape.size() == from.size() && shape.size() > 2) {
      std::copy(from.begin(), from.end() - 1, shape.begin());
      return true;
    }
    return solve_by_elements(elements_of(from) / (*weights)[1] * (*weights)[0], output, shape);
  }

  /// Most operators leave open axes as they are in the input that is longest there; those that drop
  /// or add axes leave the first one.
  auto solve_by_axes(TfliteOperator const& op, TfliteTensor const& output, Shape& shape) -> bool {
    size_t const source = source_of(op.code);
    for (size_t d = 0; d < shape.size(); ++d) {
      if (!output.open[d]) continue;
      uint32_t longest = 0;
      for (size_t i = 0; i < op.inputs.size(); ++i)
        if (auto const* from = input(op, i); from && from->size() == shape.size())
          if (i == source || binary(op.code)) longest = std::max(longest, (*from)[d]);
      auto const* const whole = input(op, source);
      if (longest == 0 && d == 0 && whole && !whole->empty()) longest = whole->front();
      if (longest == 0) return false;
      shape[d] = longest;
    }
    return true;
  }

  /// Which input the operator works on, where it is not the first.
  static auto source_of(TfliteCode code) -> size_t {
    if (code == TfliteCode::transpose_conv) return 2;
    return code == TfliteCode::split ? 1 : 0;
  }

  static auto binary(TfliteCode code) -> bool {
    constexpr TfliteCode kCodes[] = {
        TfliteCode::add,     TfliteCode::sub,     TfliteCode::mul,
        TfliteCode::div,     TfliteCode::maximum, TfliteCode::minimum,
        TfliteCode::greater, TfliteCode::less,    TfliteCode::squared_difference};
    return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
  }

  TfliteModel& model_;
};

}  // namespace

void settle_shapes(TfliteModel& model) {
  Settling(model).run();
}

}  // namespace godwit::compiler
