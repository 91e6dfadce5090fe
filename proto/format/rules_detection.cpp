// The rules of DETECTION_POSTPROCESS and RESIZE_BILINEAR_REAL, and of operators that choose or
// convert values as they run.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

constexpr uint32_t kBoxesMax = 1 << 16;
constexpr uint32_t kPlacesMax = 1 << 16;
constexpr int32_t kClassesMax = 256;  // a class is a byte
constexpr int32_t kDetectionsMax = 1 << 12;

auto check_detection_params(DetectionParams const& p, uint32_t columns) -> Fault {
  if (!within(p.detections_max, 1, kDetectionsMax) ||
      !within(p.detections_per_class, 1, kDetectionsMax) || !within(p.by_class, 0, 1) ||
      !within(p.classes, 1, kClassesMax) || !within(p.score_min, 0, 256))
    return "a parameter is out of range";
  auto const classes = static_cast<uint32_t>(p.classes);
  return columns == classes || columns == classes + 1 ? kGood : "scores do not fit the classes";
}

auto check_detection_outputs(ModelView const& model, Operator const& op, uint32_t most) -> Fault {
  uint32_t const elements[] = {4 * most, most, most, 1};
  for (uint32_t i = 0; i < 4; ++i) {
    auto const output = model.tensor(op.output(i));
    if (output.type != TensorType::float32 || output.elements != elements[i])
      return "outputs do not fit the detections";
  }
  return kGood;
}

/// For each index of an axis of the output, the two of the input that it lies between, and how far
/// from the lower one.
auto check_places(ModelView const& model, Tensor const& table, uint32_t in, uint32_t out) -> Fault {
  if (out > kPlacesMax || !is_constant(table, TensorType::int32, 3 * out))
    return "a table does not fit the output";
  auto const words = model.constant(table);
  for (uint32_t i = 0; i < out; ++i) {
    auto const word = [&](uint32_t k) { return layout::little<uint32_t>(words, 4 * (3 * i + k)); };
    if (word(0) >= in || word(1) >= in) return "a table leads outside the input";
    auto const fraction = std::bit_cast<float>(word(2));
    if (!(fraction >= -1 && fraction <= 1)) return "a fraction is out of range";
  }
  return kGood;
}

}  // namespace

auto check_resize_bilinear_real(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (input.rank != 4 || output.rank != 4) return kNotRank4;
  if (input.shape[0] != output.shape[0] || input.shape[3] != output.shape[3]) return kMisfit;
  for (uint32_t d : {1u, 2u})
    if (auto const fault =
            check_places(model, input_of(model, op, d), input.shape[d], output.shape[d]))
      return fault;
  return kGood;
}

auto check_detection(ModelView const& model, Operator const& op) -> Fault {
  auto const boxes = input_of(model, op, 0);
  auto const scores = input_of(model, op, 1);
  auto const p = op.params<DetectionParams>();
  if (element_bytes(boxes.type) != 1 || element_bytes(scores.type) != 1)
    return "boxes or scores are not of one byte a value";
  if (boxes.rank != 3 || scores.rank != 3 || boxes.shape[0] != 1 || scores.shape[0] != 1 ||
      boxes.shape[1] != scores.shape[1] || boxes.shape[2] < 4)
    return kMisfit;
  if (boxes.shape[1] > kBoxesMax) return "too many boxes";
  if (!is_constant(input_of(model, op, 2), TensorType::float32, 4 * boxes.shape[1]) ||
      !is_constant(input_of(model, op, 3), TensorType::int64, 4 * 256) ||
      !is_constant(input_of(model, op, 4), TensorType::float32, 256))
    return "anchors or tables do not fit the boxes";
  if (auto const fault = check_detection_params(p, scores.shape[2])) return fault;
  return check_detection_outputs(model, op, static_cast<uint32_t>(p.detections_max));
}

auto check_gather(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const indices = input_of(model, op, 1);
  auto const output = output_of(model, op);
  auto const p = op.params<GatherParams>();
  if (input.type != output.type) return kTypesDiffer;
  if (indices.type != TensorType::int32) return "indices are not int32";
  if (is_wide_constant(input) || is_wide_constant(indices)) return kWideConstant;
  if (p.axis < 0 || p.axis >= static_cast<int32_t>(input.rank) || p.batch_dimensions < 0 ||
      p.batch_dimensions > p.axis || p.batch_dimensions > static_cast<int32_t>(indices.rank))
    return "axis out of range";
  uint32_t batches = 1;
  for (uint32_t d = 0; d < static_cast<uint32_t>(p.batch_dimensions); ++d) {
    if (input.shape[d] != indices.shape[d]) return kMisfit;
    batches *= input.shape[d];
  }
  auto const extent = input.shape[static_cast<uint32_t>(p.axis)];
  uint64_t const made = uint64_t{input.elements} / extent * (indices.elements / batches);
  return made == output.elements ? kGood : kMisfit;
}

auto check_cast(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  if (is_wide_constant(input)) return kWideConstant;
  return input.elements == output_of(model, op).elements ? kGood : kMisfit;
}

}  // namespace godwit::proto::rules
