// TFLite_Detection_PostProcess: boxes and scores of one byte a value; what is computed of each
// value alone becomes a table, exponentials among it.
#include <algorithm>
#include <bit>
#include <cmath>

#include "compiler/lower/unary.h"
#include "compiler/read/flexbuffer.h"

namespace godwit::compiler {

namespace {

using Options = std::map<std::string, double>;

auto option(Options const& options, char const* name, std::optional<double> absent = std::nullopt)
    -> Result<double> {
  auto const found = options.find(name);
  if (found != options.end()) return found->second;
  if (absent) return *absent;
  return invalid("lacks the option " + std::string(name));
}

auto whole_option(Options const& options, char const* name, int32_t most,
                  std::optional<double> absent = std::nullopt) -> Result<int32_t> {
  TRY(auto const value, option(options, name, absent));
  if (!(value >= 1 && value <= most))
    return invalid("has an option " + std::string(name) + " out of range");
  return static_cast<int32_t>(value);
}

/// The real number that each byte of a tensor stands for.
auto reals(proto::TensorSpec const& tensor) -> std::vector<float> {
  std::vector<float> out;
  bool const is_signed = tensor.type == proto::TensorType::int8;
  for (int32_t byte = 0; byte < 256; ++byte) {
    int32_t const value = is_signed ? static_cast<int8_t>(byte) : byte;
    out.push_back(static_cast<float>(static_cast<double>(tensor.scales[0]) *
                                     static_cast<double>(value - tensor.zero_point)));
  }
  return out;
}

/// What is multiplied by the anchor's size: centers, and half of height and width.
auto coordinate_table(Lowering& lowering, proto::TensorSpec const& boxes, Options const& options)
    -> Result<uint32_t> {
  Writer words;
  for (char const* name : {"y_scale", "x_scale", "h_scale", "w_scale"}) {
    TRY(auto const given, option(options, name));
    auto const scale = static_cast<double>(static_cast<float>(given));
    if (!(scale > 0)) return invalid("has an option " + std::string(name) + " out of range");
    bool const size = name[0] == 'h' || name[0] == 'w';
    for (float const real : reals(boxes)) {
      double const value = static_cast<double>(real) / scale;
      words.u64(std::bit_cast<uint64_t>(size ? 0.5 * std::exp(value) : value));
    }
  }
  return lowering.add_constant({.name = boxes.name + ":table",
                                .type = proto::TensorType::int64,
                                .shape = {4 * 256},
                                .scales = {},
                                .data = std::move(words).take()});
}

auto add_floats(Lowering& lowering, std::string name, std::vector<float> const& values)
    -> uint32_t {
  Writer words;
  for (float const value : values) words.u32(std::bit_cast<uint32_t>(value));
  return lowering.add_constant({.name = std::move(name),
                                .type = proto::TensorType::float32,
                                .shape = {static_cast<uint32_t>(values.size())},
                                .scales = {},
                                .data = std::move(words).take()});
}

auto add_anchors(Lowering& lowering, uint32_t boxes) -> Result<uint32_t> {
  auto const type = lowering.input_type(2);
  TRY(auto const* tensor, lowering.constant(2, type));
  if (tensor->elements != 4 * boxes) return lowering.fail(2, "does not fit the boxes");
  if (type == TfliteType::float32) return lowering.value(2);
  if (!one_byte(type) || tensor->scales.size() != 1 || tensor->zero_points.size() != 1)
    return lowering.fail(2, "is neither float32 nor quantised to single bytes");
  auto const table = reals(tensor_spec(*tensor));
  std::vector<float> values;
  for (uint8_t const byte : tensor->data) values.push_back(table[byte]);
  return add_floats(lowering, tensor->name, values);
}

/// The lowest byte, counted from the lowest value, whose score is good enough.
auto score_min(std::vector<float> const& scores, bool is_signed, float threshold) -> int32_t {
  for (int32_t rank = 0; rank < 256; ++rank)
    if (scores[static_cast<size_t>(is_signed ? rank ^ 0x80 : rank)] >= threshold) return rank;
  return 256;
}

auto read_params(Options const& options) -> Result<proto::DetectionParams> {
  proto::DetectionParams p{};
  TRY(p.detections_max, whole_option(options, "max_detections", 1 << 12));
  TRY(p.detections_per_class, whole_option(options, "detections_per_class", 1 << 12, 100));
  TRY(p.classes, whole_option(options, "num_classes", 256));
  TRY(auto const by_class, option(options, "use_regular_nms", 0));
  p.by_class = by_class != 0;
  TRY(auto const each, whole_option(options, "max_classes_per_detection", 256, 1));
  if (!p.by_class && each != 1)
    return invalid("tells several classes of one box, which cannot be compiled");
  TRY(auto const overlap, option(options, "nms_iou_threshold"));
  if (!(overlap > 0 && overlap <= 1)) return invalid("has an overlap out of range");
  p.overlap_bits = std::bit_cast<int32_t>(static_cast<float>(overlap));
  return p;
}

}  // namespace

auto lower_detection(Lowering& lowering) -> Result<> {
  if (lowering.op().name != "CUSTOM \"TFLite_Detection_PostProcess\"")
    return invalid(
        "this custom operator cannot be compiled; replace it before converting the model");
  TRY_VOID(lowering.check_count(3, 3, 4));
  for (size_t i : {0, 1})
    if (lowering.input_shape(i).size() != 3)
      return lowering.fail(i, "does not have three dimensions");
  TRY(auto const boxes, lowering.bytes_behind(0));
  TRY(auto const scores, lowering.bytes_behind(1));
  TRY(auto const options, read_flexbuffer_numbers(lowering.op().custom_options));
  TRY(auto params, read_params(options));
  TRY(auto const threshold, option(options, "nms_score_threshold"));
  auto const boxes_spec = lowering.spec(boxes);
  auto const scores_spec = lowering.spec(scores);
  auto const values = reals(scores_spec);
  params.score_min =
      score_min(values, scores_spec.type == proto::TensorType::int8, static_cast<float>(threshold));
  TRY(auto const anchors, add_anchors(lowering, lowering.input_shape(0)[1]));
  TRY(auto const table, coordinate_table(lowering, boxes_spec, options));
  auto const score_table = add_floats(lowering, scores_spec.name + ":table", values);
  auto const most = static_cast<uint32_t>(params.detections_max);
  return lowering.finish_all({proto::Opcode::detection_postprocess,
                              {boxes, scores, anchors, table, score_table},
                              {},
                              proto::param_words(params)},
                             {{1, most, 4}, {1, most}, {1, most}, {1}});
}

}  // namespace godwit::compiler
