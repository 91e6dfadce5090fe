#include "tests/unit/agent/engine/random_graph.h"

namespace godwit::engine {

namespace {

constexpr uint32_t kConstant = 1u << 16;  // marks an index among constants until all are known
constexpr int32_t kOperatorsMax = 7;

auto as_int(uint32_t extent) -> int32_t {
  return static_cast<int32_t>(extent);
}

}  // namespace

auto RandomGraph::model() -> Bytes {
  activations_.push_back({.name = "in",
                          .shape = {1, static_cast<uint32_t>(random_.between(1, 20)),
                                    static_cast<uint32_t>(random_.between(1, 20)),
                                    static_cast<uint32_t>(random_.channels())},
                          .scales = {1},
                          .zero_point = random_.zero_point()});
  int32_t const count = random_.between(2, kOperatorsMax);
  for (int32_t i = 0; i < count; ++i) append();
  proto::ModelSpec spec;
  spec.input_count = 1;
  for (auto& tensor : activations_) {
    tensor.arena_offset = spec.arena_bytes;
    spec.arena_bytes += (elements(tensor.shape) + 15) / 16 * 16;
    spec.tensors.push_back(tensor);
  }
  auto const first_constant = static_cast<uint32_t>(spec.tensors.size());
  spec.outputs = {first_constant - 1};
  for (auto& tensor : constants_) spec.tensors.push_back(tensor);
  for (auto& op : operators_)
    for (auto& input : op.inputs)
      if (input >= kConstant) input = input - kConstant + first_constant;
  spec.operators = operators_;
  return proto::write_model(spec);
}

void RandomGraph::finish(proto::Opcode code, std::vector<uint32_t> inputs, Shape shape,
                         int32_t zero_point, std::vector<int32_t> params,
                         std::vector<proto::TensorSpec> constants) {
  for (auto& tensor : constants) {
    inputs.push_back(kConstant + static_cast<uint32_t>(constants_.size()));
    constants_.push_back(std::move(tensor));
  }
  operators_.push_back(
      {code, std::move(inputs), {static_cast<uint32_t>(activations_.size())}, std::move(params)});
  activations_.push_back(
      {.name = "t", .shape = std::move(shape), .scales = {1}, .zero_point = zero_point});
}

void RandomGraph::append() {
  bool const image = newest().shape.size() == 4;
  switch (random_.between(1, image ? 7 : 2)) {
    case 1:
      return append_add();
    case 2:
      return append_fully_connected();
    case 3:
      return append_pool();
    case 4:
    case 5:
      return append_conv(true);
    default:
      return append_conv(false);
  }
}

void RandomGraph::append_conv(bool depthwise) {
  auto const& in = newest().shape;
  int32_t const kernel = random_.one_in(3) ? 1 : 3;
  int32_t const stride = random_.between(1, 2);
  auto const out = [&](uint32_t extent) {  // padded by one less than the kernel, as SAME does
    return static_cast<uint32_t>((as_int(extent) + stride - 1) / stride);
  };
  proto::ConvParams p{};
  p.dilation_height = p.dilation_width = 1;
  p.window = {stride, stride, kernel / 2, kernel / 2};
  int32_t const zero = random_.zero_point();
  p.clamp = random_.clamp(zero);
  auto const channels = depthwise ? in[3] : static_cast<uint32_t>(random_.channels());
  auto const side = static_cast<uint32_t>(kernel);
  auto const weights =
      depthwise ? Shape{1, side, side, channels} : Shape{channels, side, side, in[3]};
  int32_t const depth = kernel * kernel * (depthwise ? 1 : as_int(in[3]));
  finish(depthwise ? proto::Opcode::depthwise_conv_2d : proto::Opcode::conv_2d,
         {static_cast<uint32_t>(activations_.size() - 1)},
         {in[0], out(in[1]), out(in[2]), channels}, zero, proto::param_words(p),
         random_.constants(weights, channels, depth));
}

void RandomGraph::append_fully_connected() {
  auto const depth = elements(newest().shape);
  auto const channels = static_cast<uint32_t>(random_.channels());
  int32_t const zero = random_.zero_point();
  finish(proto::Opcode::fully_connected, {static_cast<uint32_t>(activations_.size() - 1)},
         {1, channels}, zero, proto::param_words(proto::FullyConnectedParams{random_.clamp(zero)}),
         random_.constants({channels, depth}, channels, as_int(depth)));
}

void RandomGraph::append_add() {
  // With the oldest tensor of the same shape: perhaps itself.
  auto const shape = newest().shape;
  uint32_t other = 0;
  while (activations_[other].shape != shape) ++other;
  int32_t const zero = random_.zero_point();
  finish(proto::Opcode::add, {static_cast<uint32_t>(activations_.size() - 1), other}, shape, zero,
         proto::param_words(random_.add_params(zero)));
}

void RandomGraph::append_pool() {
  auto const in = newest().shape;
  proto::PoolParams p{};
  p.filter_height = random_.between(1, as_int(in[1]));
  p.filter_width = random_.between(1, as_int(in[2]));
  p.window = {random_.between(1, 2), random_.between(1, 2), 0, 0};
  p.clamp = random_.clamp(0);
  auto const out = [](uint32_t extent, int32_t filter, int32_t stride) {
    return static_cast<uint32_t>((as_int(extent) - filter) / stride + 1);
  };
  finish(random_.one_in(2) ? proto::Opcode::average_pool_2d : proto::Opcode::max_pool_2d,
         {static_cast<uint32_t>(activations_.size() - 1)},
         {in[0], out(in[1], p.filter_height, p.window.stride_height),
          out(in[2], p.filter_width, p.window.stride_width), in[3]},
         newest().zero_point, proto::param_words(p));
}

}  // namespace godwit::engine
