#include "tests/unit/compiler/pass/small_graph.h"

#include <algorithm>

namespace godwit::compiler {

namespace {
constexpr uint32_t kConstants = 1u << 20;
}

auto SmallGraph::activation(std::vector<uint32_t> shape, int32_t zero_point) -> uint32_t {
  auto const number = static_cast<uint32_t>(graph_.tensors.size());
  graph_.tensors.push_back({.name = "t" + std::to_string(number),
                            .shape = std::move(shape),
                            .scales = {0.5f},
                            .zero_point = zero_point});
  return number;
}

auto SmallGraph::constant(proto::TensorType type, std::vector<uint32_t> shape, Bytes data)
    -> uint32_t {
  constants_.push_back({.name = "c" + std::to_string(constants_.size()),
                        .type = type,
                        .shape = std::move(shape),
                        .scales = {},
                        .data = std::move(data)});
  return kConstants + static_cast<uint32_t>(constants_.size() - 1);
}

auto SmallGraph::input(std::vector<uint32_t> shape) -> uint32_t {
  ++graph_.input_count;
  return activation(std::move(shape), pick(-20, 20));
}

auto SmallGraph::add_operator(proto::Opcode code, std::vector<uint32_t> inputs, uint32_t output,
                              std::vector<int32_t> params) -> uint32_t {
  graph_.operators.push_back({code, std::move(inputs), {output}, std::move(params)});
  return output;
}

auto SmallGraph::matrix_inputs(uint32_t value, std::vector<uint32_t> shape, uint32_t channels,
                               Matrix const& matrix) -> std::vector<uint32_t> {
  uint32_t const in = graph_.tensors[value].shape.back();
  size_t elements = 1;
  for (uint32_t extent : shape) elements *= extent;
  std::vector<bool> unread(in);
  for (uint32_t c = 0; c < in; ++c) unread[c] = random() % 100 < matrix.unread_percent;
  Bytes weights(elements);
  for (size_t i = 0; i < elements; ++i)
    weights[i] = unread[i % in] ? uint8_t{0} : static_cast<uint8_t>(pick(-127, 127));
  Writer biases;
  Writer multipliers;
  Bytes shifts;
  for (uint32_t c = 0; c < channels; ++c) {
    bool const decided = random() % 100 < matrix.decided_percent;
    biases.u32(
        static_cast<uint32_t>(decided ? pick(0, 1) * 80'000'000 - 40'000'000 : pick(-2000, 2000)));
    multipliers.u32(static_cast<uint32_t>(pick(1 << 30, INT32_MAX)));
    shifts.push_back(static_cast<uint8_t>(pick(-10, -6)));
  }
  return {value, constant(proto::TensorType::int8, std::move(shape), std::move(weights)),
          constant(proto::TensorType::int32, {channels}, std::move(biases).take()),
          constant(proto::TensorType::int32, {channels}, std::move(multipliers).take()),
          constant(proto::TensorType::int8, {channels}, std::move(shifts))};
}

auto SmallGraph::window_output(uint32_t value, Matrix const& matrix)
    -> std::pair<uint32_t, uint32_t> {
  auto const& in = graph_.tensors[value].shape;
  auto const extent = [&](uint32_t size) {
    uint32_t const reach = matrix.padded ? 0 : matrix.kernel - 1;
    return (size - reach + static_cast<uint32_t>(matrix.stride) - 1) /
           static_cast<uint32_t>(matrix.stride);
  };
  return {extent(in[1]), extent(in[2])};
}

auto conv_params(SmallGraph::Matrix const& matrix, int32_t zero_point) -> proto::ConvParams {
  int32_t const pad = matrix.padded ? static_cast<int32_t>(matrix.kernel - 1) / 2 : 0;
  return {{matrix.stride, matrix.stride, pad, pad}, 1, 1, {zero_point, 127}};
}

auto SmallGraph::conv(uint32_t value, Matrix const& matrix) -> uint32_t {
  uint32_t const in = graph_.tensors[value].shape[3];
  auto const [height, width] = window_output(value, matrix);
  auto inputs = matrix_inputs(value, {matrix.channels, matrix.kernel, matrix.kernel, in},
                              matrix.channels, matrix);
  int32_t const zero_point = pick(-128, -100);
  return add_operator(proto::Opcode::conv_2d, std::move(inputs),
                      activation({1, height, width, matrix.channels}, zero_point),
                      proto::param_words(conv_params(matrix, zero_point)));
}

auto SmallGraph::depthwise(uint32_t value, Matrix const& matrix) -> uint32_t {
  uint32_t const channels = graph_.tensors[value].shape[3] * matrix.channels;
  auto const [height, width] = window_output(value, matrix);
  auto inputs = matrix_inputs(value, {1, matrix.kernel, matrix.kernel, channels}, channels, matrix);
  int32_t const zero_point = pick(-128, -100);
  return add_operator(proto::Opcode::depthwise_conv_2d, std::move(inputs),
                      activation({1, height, width, channels}, zero_point),
                      proto::param_words(conv_params(matrix, zero_point)));
}

auto SmallGraph::fully_connected(uint32_t value, uint32_t channels, uint32_t unread_percent)
    -> uint32_t {
  uint32_t depth = 1;
  for (uint32_t extent : graph_.tensors[value].shape) depth *= extent;
  auto inputs = matrix_inputs(value, {channels, depth}, channels,
                              {.channels = channels, .unread_percent = unread_percent});
  return add_operator(proto::Opcode::fully_connected, std::move(inputs),
                      activation({1, channels}, pick(-20, 20)), {-128, 127});
}

auto SmallGraph::add(uint32_t a, uint32_t b) -> uint32_t {
  proto::AddParams const params{20, {1 << 30, 0}, {1 << 30, -1}, {1 << 30, -18}, {-128, 127}};
  auto shape = graph_.tensors[a].shape;
  return add_operator(proto::Opcode::add, {a, b}, activation(std::move(shape), pick(-20, 20)),
                      proto::param_words(params));
}

auto SmallGraph::mul(uint32_t a, uint32_t b) -> uint32_t {
  proto::MulParams const params{{1 << 30, -5}, {-120, 127}};
  auto shape = graph_.tensors[a].shape;
  return add_operator(proto::Opcode::mul, {a, b}, activation(std::move(shape), pick(-20, 20)),
                      proto::param_words(params));
}

auto SmallGraph::lookup(uint32_t value) -> uint32_t {
  Bytes table(256);
  for (auto& byte : table) byte = static_cast<uint8_t>(pick(0, 255));
  auto shape = graph_.tensors[value].shape;
  return add_operator(proto::Opcode::lookup,
                      {value, constant(proto::TensorType::int8, {256}, std::move(table))},
                      activation(std::move(shape), pick(-20, 20)), {});
}

auto SmallGraph::mean(uint32_t value) -> uint32_t {
  auto const& in = graph_.tensors[value].shape;
  proto::MeanParams const params{0b0110, {INT32_MAX / static_cast<int32_t>(in[1] * in[2]), 0}};
  return add_operator(proto::Opcode::mean, {value}, activation({1, in[3]}, pick(-20, 20)),
                      proto::param_words(params));
}

auto SmallGraph::reshape(uint32_t value, std::vector<uint32_t> shape) -> uint32_t {
  int32_t const zero_point = graph_.tensors[value].zero_point;
  return add_operator(proto::Opcode::reshape, {value}, activation(std::move(shape), zero_point),
                      {});
}

auto SmallGraph::pad(uint32_t value, int32_t border, bool zero_point) -> uint32_t {
  auto const& in = graph_.tensors[value];
  auto shape = in.shape;
  for (size_t d : {1, 2}) shape[d] += 2 * static_cast<uint32_t>(border);
  int32_t const point = in.zero_point;
  proto::PadParams params{};
  params.before[1] = params.before[2] = border;
  params.value = zero_point ? point : point + 1;
  return add_operator(proto::Opcode::pad, {value}, activation(std::move(shape), point),
                      proto::param_words(params));
}

auto SmallGraph::average_pool(uint32_t value) -> uint32_t {
  auto const& in = graph_.tensors[value];
  auto shape = in.shape;
  for (size_t d : {1, 2}) shape[d] /= 2;
  proto::PoolParams const params{{2, 2, 0, 0}, 2, 2, {-128, 127}};
  int32_t const zero_point = in.zero_point;
  return add_operator(proto::Opcode::average_pool_2d, {value},
                      activation(std::move(shape), zero_point), proto::param_words(params));
}

auto SmallGraph::finish(std::vector<uint32_t> outputs) -> Graph {
  auto const activations = static_cast<uint32_t>(graph_.tensors.size());
  for (auto& op : graph_.operators)
    for (auto& value : op.inputs)
      if (value >= kConstants) value = value - kConstants + activations;
  for (auto& constant : constants_) graph_.tensors.push_back(std::move(constant));
  graph_.outputs = std::move(outputs);
  return std::move(graph_);
}

auto to_model(Graph graph) -> Bytes {
  bool planned = false;
  for (auto const& tensor : graph.tensors) planned |= tensor.arena_offset != 0;
  uint32_t end = 0;
  for (auto& tensor : graph.tensors) {
    if (tensor.data) continue;
    uint32_t size = 1;
    for (uint32_t extent : tensor.shape) size *= extent;
    if (!planned) tensor.arena_offset = end;
    end = std::max(end, tensor.arena_offset + (size + 15) / 16 * 16);
  }
  proto::ModelSpec spec;
  spec.tensors = std::move(graph.tensors);
  spec.operators = std::move(graph.operators);
  spec.input_count = graph.input_count;
  spec.outputs = std::move(graph.outputs);
  spec.arena_bytes = end;
  return write_model(spec);
}

auto outputs_of(Graph const& graph, uint32_t seed, uint32_t rows, std::string const& path)
    -> Bytes {
  auto const model = to_model(graph);
  auto engine = engine::Engine::load(model, {.path = path});
  if (!engine) throw std::runtime_error(engine.error().what);
  std::minstd_rand random(seed);
  Bytes all;
  for (uint32_t row = 0; row < rows + 2; ++row) {
    Bytes input(engine->input_bytes());
    for (auto& byte : input)
      byte = row == rows ? 0x80 : row > rows ? 0x7f : static_cast<uint8_t>(random());
    Bytes output(engine->output_bytes());
    engine->run(input, output);
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

}  // namespace godwit::compiler
