#include "compiler/read/uint8.h"

#include <algorithm>

namespace godwit::compiler {

namespace {

/// Operators that take uint8 as it is: they move values, or bring them to another scale.
auto takes_uint8(TfliteCode code) -> bool {
  constexpr TfliteCode kCodes[] = {TfliteCode::quantize,
                                   TfliteCode::dequantize,
                                   TfliteCode::cast,
                                   TfliteCode::reshape,
                                   TfliteCode::squeeze,
                                   TfliteCode::expand_dims,
                                   TfliteCode::transpose,
                                   TfliteCode::strided_slice,
                                   TfliteCode::slice,
                                   TfliteCode::split,
                                   TfliteCode::split_v,
                                   TfliteCode::unpack,
                                   TfliteCode::pack,
                                   TfliteCode::gather,
                                   TfliteCode::tile,
                                   TfliteCode::broadcast_to,
                                   TfliteCode::reverse_v2,
                                   TfliteCode::space_to_depth,
                                   TfliteCode::depth_to_space,
                                   TfliteCode::pad,
                                   TfliteCode::mirror_pad,
                                   TfliteCode::resize_nearest_neighbor,
                                   TfliteCode::read_variable,
                                   TfliteCode::assign_variable,
                                   TfliteCode::batch_to_space_nd,
                                   TfliteCode::space_to_batch_nd};
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

class Move {
 public:
  explicit Move(TfliteModel& model) : model_(model) {}

  void run() {
    if (!computes_with_uint8()) return;
    for (size_t i = 0; i < model_.tensors.size(); ++i)
      if (is_quantised(static_cast<int32_t>(i))) move(model_.tensors[i]);
    std::vector<TfliteOperator> operators;
    for (auto& index : model_.inputs) {
      if (!moved(index)) continue;
      auto const original = add_unmoved(index);
      operators.push_back(quantize(original, index));
      index = original;
    }
    for (auto& op : model_.operators) add_operator(operators, std::move(op));
    for (auto& index : model_.outputs) {
      if (!moved(index)) continue;
      auto const original = add_unmoved(index);
      operators.push_back(quantize(index, original));
      index = original;
    }
    model_.operators = std::move(operators);
  }

 private:
  auto is_quantised(int32_t index) const -> bool {
    if (index < 0) return false;
    auto const& tensor = model_.tensors[static_cast<size_t>(index)];
    return tensor.type == TfliteType::uint8 && tensor.scales.size() == 1 &&
           tensor.zero_points.size() == 1 && tensor.zero_points[0] >= 0 &&
           tensor.zero_points[0] <= 255;
  }
  auto moved(int32_t index) const -> bool {
    return index >= 0 && model_.tensors[static_cast<size_t>(index)].moved;
  }

  auto computes_with_uint8() const -> bool {
    auto const any = [&](std::vector<int32_t> const& indices) {
      return std::any_of(indices.begin(), indices.end(),
                         [&](int32_t i) { return is_quantised(i); });
    };
    return std::any_of(model_.operators.begin(), model_.operators.end(), [&](auto const& op) {
      return !takes_uint8(op.code) && (any(op.inputs) || any(op.outputs));
    });
  }

  void move(TfliteTensor& tensor) {
    tensor.type = TfliteType::int8;
    tensor.zero_points[0] -= 128;
    tensor.moved = true;
    if (tensor.data.empty()) return;
    auto& bytes = model_.made.emplace_back(tensor.data.begin(), tensor.data.end());
    for (auto& byte : bytes) byte ^= 0x80;
    tensor.data = bytes;
  }

  /// A tensor as one was before it was moved.
  auto add_unmoved(int32_t index) -> int32_t {
    auto tensor = model_.tensors[static_cast<size_t>(index)];
    tensor.type = TfliteType::uint8;
    tensor.zero_points[0] += 128;
    tensor.moved = false;
    tensor.data = {};
    model_.tensors.push_back(std::move(tensor));
    return static_cast<int32_t>(model_.tensors.size() - 1);
  }

  static auto quantize(int32_t from, int32_t to) -> TfliteOperator {
    return {TfliteCode::quantize, "QUANTIZE", {from}, {to}, std::nullopt};
  }

  /// CAST takes numbers as they are stored, L2_NORMALIZATION rounds what it sees: they keep uint8.
  void add_operator(std::vector<TfliteOperator>& operators, TfliteOperator op) {
    bool const keeps = op.code == TfliteCode::cast || op.code == TfliteCode::l2_normalization;
    if (!keeps || op.inputs.size() != 1 || op.outputs.size() != 1) {
      operators.push_back(std::move(op));
      return;
    }
    if (moved(op.inputs[0])) {
      auto const original = add_unmoved(op.inputs[0]);
      operators.push_back(quantize(op.inputs[0], original));
      op.inputs[0] = original;
    }
    auto const output = op.outputs[0];
    if (moved(output)) op.outputs[0] = add_unmoved(output);
    auto const made = op.outputs[0];
    operators.push_back(std::move(op));
    if (made != output) operators.push_back(quantize(made, output));
  }

  TfliteModel& model_;
};

}  // namespace

void move_to_int8(TfliteModel& model) {
  Move(model).run();
}

}  // namespace godwit::compiler
