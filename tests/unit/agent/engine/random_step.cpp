#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {

namespace {

auto extents(int32_t a, int32_t b, int32_t c, int32_t d) -> std::vector<uint32_t> {
  return {static_cast<uint32_t>(a), static_cast<uint32_t>(b), static_cast<uint32_t>(c),
          static_cast<uint32_t>(d)};
}

}  // namespace

auto words(std::vector<int32_t> const& values) -> Bytes {
  Bytes bytes;
  for (auto const value : values)
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<uint8_t>(static_cast<uint32_t>(value) >> (8 * i)));
  return bytes;
}

auto elements(std::vector<uint32_t> const& shape) -> uint32_t {
  uint32_t product = 1;
  for (auto const extent : shape) product *= extent;
  return product;
}

auto RandomStep::channels() -> int32_t {
  constexpr int32_t kEdges[] = {1,  2,  3,  4,  7,  8,  9,  15, 16, 17, 24,  31,
                                32, 33, 40, 47, 48, 49, 63, 64, 65, 80, 112, 129};
  return one_in(3) ? between(1, 40) : kEdges[between(0, std::size(kEdges) - 1)];
}

auto RandomStep::bytes(size_t count) -> Bytes {
  Bytes bytes(count);
  // Now and then nothing but extremes: sums reach as far as they can.
  bool const extreme = one_in(6);
  for (auto& byte : bytes)
    byte = static_cast<uint8_t>(extreme ? (one_in(2) ? 127 : -128) : between(-128, 127));
  return bytes;
}

auto RandomStep::clamp(int32_t zero_point) -> proto::Clamp {
  int32_t const most = form_.wide ? 32767 : 127;
  if (one_in(2)) return {.low = -most - 1, .high = most};
  if (one_in(2)) return {.low = zero_point, .high = between(zero_point, most)};
  int32_t const low = between(-most - 1, most);
  return {.low = low, .high = between(low, most)};
}

auto RandomStep::multiplier(int32_t depth) -> proto::Multiplier {
  if (one_in(20)) return {.value = between(0, 1), .shift = between(-31, 0)};
  if (one_in(10))
    return {.value = between(1 << 30, INT32_MAX),
            .shift = between(-31, !wild_       ? -1
                                  : form_.wide ? 7
                                               : 30)};
  if (one_in(8)) return {.value = 1 << 30, .shift = between(-12, -1)};  // halves are common
  int32_t bits = 0;
  for (int64_t sum = int64_t{depth} * 64 * 64; sum > 256; sum /= 2) ++bits;
  return {.value = between(1 << 30, INT32_MAX), .shift = -std::max(between(bits - 3, bits), 0)};
}

auto RandomStep::constants(std::vector<uint32_t> weights_shape, uint32_t channels, int32_t depth)
    -> std::vector<proto::TensorSpec> {
  auto weights = bytes(elements(weights_shape));
  for (auto& weight : weights)
    if (weight == 0x80) weight = 0x81;
  std::vector<int32_t> biases, values;
  Bytes shifts;
  for (uint32_t i = 0; i < channels; ++i) {
    biases.push_back(one_in(20) ? between(INT32_MIN, INT32_MAX) : between(-20000, 20000));
    auto const m = multiplier(depth);
    values.push_back(m.value);
    shifts.push_back(static_cast<uint8_t>(m.shift));
  }
  bool const wide_bias = form_.wide && one_in(2);
  auto bias = words(biases);
  if (wide_bias) {
    bias.clear();
    for (int32_t i = 0; i < static_cast<int32_t>(channels); ++i)
      for (auto const part : words({between(INT32_MIN, INT32_MAX), between(-200, 200)}))
        bias.push_back(part);
  }
  auto const of_channels = [&](char const* name, proto::TensorType type, Bytes data) {
    return proto::TensorSpec{
        .name = name, .type = type, .shape = {channels}, .scales = {}, .data = std::move(data)};
  };
  return {{.name = "weights",
           .shape = std::move(weights_shape),
           .scales = {1},
           .zero_point = form_.asymmetric ? between(-128, 127) : 0,
           .data = weights},
          of_channels("bias", wide_bias ? proto::TensorType::int64 : proto::TensorType::int32,
                      std::move(bias)),
          of_channels("values", proto::TensorType::int32, words(values)),
          of_channels("shifts", proto::TensorType::int8, shifts)};
}

void RandomStep::add_constants(proto::ModelSpec& spec, std::vector<uint32_t> weights_shape,
                               uint32_t channels, int32_t depth) {
  for (auto& tensor : constants(std::move(weights_shape), channels, depth))
    spec.tensors.push_back(std::move(tensor));
}

auto RandomStep::finish(proto::ModelSpec& spec, proto::Opcode code, std::vector<int32_t> params)
    -> Bytes {
  // Tensors: the graph's inputs, the output, constants.
  std::vector<uint32_t> inputs;
  uint32_t at = 0;
  for (uint32_t i = 0; i < spec.tensors.size(); ++i) {
    if (i != spec.input_count) inputs.push_back(i);
    auto& tensor = spec.tensors[i];
    if (tensor.data) continue;
    if (form_.wide && tensor.type == proto::TensorType::int8) tensor.type = type();
    uint32_t& place = tensor.state ? spec.state_bytes : at;
    tensor.arena_offset = place;
    place += (elements(tensor.shape) * proto::element_bytes(tensor.type) + 15) / 16 * 16;
  }
  spec.arena_bytes = at;
  spec.outputs = {spec.input_count};
  if (form_.once) spec.rounding = proto::Rounding::once;
  spec.operators = {{code, inputs, {spec.input_count}, std::move(params)}};
  return proto::write_model(spec);
}

auto RandomStep::conv(bool depthwise) -> Bytes {
  bool const three = one_in(2);
  int32_t const kernel_height = three ? 3 : between(1, 5);
  int32_t const kernel_width = three ? 3 : one_in(2) ? 1 : between(1, 5);
  bool const dilated = one_in(6);
  proto::ConvParams p{};
  p.dilation_height = dilated ? between(1, 3) : 1;
  p.dilation_width = dilated ? between(1, 3) : 1;
  p.window.stride_height = between(1, 2);
  p.window.stride_width = one_in(4) ? between(1, 3) : p.window.stride_height;
  bool const padded = one_in(2);
  int32_t const out_height = between(1, 11);
  int32_t const out_width = between(1, 19);
  return conv({p, kernel_height, kernel_width, padded, out_height, out_width, channels()},
              depthwise);
}

auto RandomStep::conv_3x3() -> Bytes {
  proto::ConvParams p{};
  p.window = {.stride_height = 1, .stride_width = 1, .pad_top = 0, .pad_left = 0};
  p.dilation_height = p.dilation_width = 1;
  bool const padded = one_in(2);
  int32_t const out_height = between(1, 34);
  int32_t const out_width = between(1, 34);
  int32_t const in_channels = one_in(8) ? between(100, 180) : between(3, 50);
  return conv({p, 3, 3, padded, out_height, out_width, in_channels}, false);
}

auto RandomStep::conv(Conv const& c, bool depthwise) -> Bytes {
  auto p = c.params;
  int32_t const reach_height = (c.kernel_height - 1) * p.dilation_height + 1;
  int32_t const reach_width = (c.kernel_width - 1) * p.dilation_width + 1;
  p.window.pad_top = c.padded ? between(0, reach_height - 1) : 0;
  p.window.pad_left = c.padded ? between(0, reach_width - 1) : 0;
  // Windows may end inside the input, at its edge or beyond it.
  int32_t const slack = c.padded ? -between(0, 2) : between(0, 1);
  int32_t const height = std::max(
      (c.out_height - 1) * p.window.stride_height + reach_height - p.window.pad_top + slack, 1);
  int32_t const width = std::max(
      (c.out_width - 1) * p.window.stride_width + reach_width - p.window.pad_left + slack, 1);
  int32_t const out_channels =
      depthwise ? c.in_channels * (one_in(4) ? between(1, 8) : 1) : channels();
  int32_t const batch = one_in(4) ? 2 : 1;
  int32_t const out_zero = zero_point();
  p.clamp = clamp(out_zero);
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in",
                   .shape = extents(batch, height, width, c.in_channels),
                   .scales = {1},
                   .zero_point = zero_point()},
                  {.name = "out",
                   .shape = extents(batch, c.out_height, c.out_width, out_channels),
                   .scales = {1},
                   .zero_point = out_zero}};
  int32_t const taps = c.kernel_height * c.kernel_width;
  auto const weights = depthwise
                           ? extents(1, c.kernel_height, c.kernel_width, out_channels)
                           : extents(out_channels, c.kernel_height, c.kernel_width, c.in_channels);
  add_constants(spec, weights, static_cast<uint32_t>(out_channels),
                depthwise ? taps : taps * c.in_channels);
  return finish(spec, depthwise ? proto::Opcode::depthwise_conv_2d : proto::Opcode::conv_2d,
                proto::param_words(p));
}

auto RandomStep::fully_connected() -> Bytes {
  auto const rows = static_cast<uint32_t>(one_in(2) ? 1 : between(1, 20));
  auto const depth = static_cast<uint32_t>(one_in(2) ? channels() : between(1, 300));
  auto const out_channels = static_cast<uint32_t>(one_in(4) ? between(100, 300) : channels());
  int32_t const out_zero = zero_point();
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {
      {.name = "in", .shape = {rows, depth}, .scales = {1}, .zero_point = zero_point()},
      {.name = "out", .shape = {rows, out_channels}, .scales = {1}, .zero_point = out_zero}};
  add_constants(spec, {out_channels, depth}, out_channels, static_cast<int32_t>(depth));
  return finish(spec, proto::Opcode::fully_connected,
                proto::param_words(proto::FullyConnectedParams{clamp(out_zero)}));
}

auto RandomStep::fully_connected_4() -> Bytes {
  auto const rows = static_cast<uint32_t>(one_in(2) ? 1 : between(1, 5));
  auto const bytes = static_cast<uint32_t>(one_in(2) ? channels() : between(1, 300));
  auto const out_channels = static_cast<uint32_t>(channels());
  int32_t const out_zero = zero_point();
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {
      {.name = "in", .shape = {rows, 2 * bytes}, .scales = {1}, .zero_point = zero_point()},
      {.name = "out", .shape = {rows, out_channels}, .scales = {1}, .zero_point = out_zero}};
  add_constants(spec, {out_channels, bytes}, out_channels, static_cast<int32_t>(bytes));
  spec.tensors[2].zero_point = 0;
  return finish(spec, proto::Opcode::fully_connected_4,
                proto::param_words(proto::FullyConnectedParams{clamp(out_zero)}));
}

auto RandomStep::add_multiplier() -> proto::Multiplier {
  if (one_in(4)) return {.value = 1 << 30, .shift = -between(0, 3)};
  return {.value = between(0, INT32_MAX), .shift = -(one_in(8) ? between(0, 31) : between(0, 4))};
}

auto RandomStep::add_params(int32_t out_zero_point) -> proto::AddParams {
  proto::AddParams p{};
  int32_t const most = form_.wide ? 15 : 20;
  p.left_shift = one_in(4) ? between(0, most) : most;
  p.first = add_multiplier();
  p.second = add_multiplier();
  p.output = {.value = between(1 << 30, INT32_MAX),
              .shift = one_in(8) ? between(-31, 30) : -between(p.left_shift - 4, p.left_shift)};
  p.clamp = clamp(out_zero_point);
  return p;
}

auto RandomStep::sum(proto::Opcode code) -> Bytes {
  auto const shape = extents(between(1, 2), between(1, 5), between(1, 5), channels());
  auto other = shape;
  if (one_in(3)) other[static_cast<size_t>(between(0, 3))] = 1;
  if (one_in(5)) other.erase(other.begin());
  int32_t const out_zero = zero_point();
  auto const p = add_params(out_zero);
  proto::ModelSpec spec;
  spec.input_count = 2;
  spec.tensors = {{.name = "a", .shape = shape, .scales = {1}, .zero_point = zero_point()},
                  {.name = "b", .shape = other, .scales = {1}, .zero_point = zero_point()},
                  {.name = "out", .shape = shape, .scales = {1}, .zero_point = out_zero}};
  if (one_in(2)) std::swap(spec.tensors[0], spec.tensors[1]);
  return finish(spec, code, proto::param_words(p));
}

auto RandomStep::pool(proto::Opcode code) -> Bytes {
  proto::PoolParams p{};
  p.filter_height = between(1, 8);
  p.filter_width = between(1, 8);
  p.window = {between(1, 3), between(1, 3), between(0, p.filter_height - 1),
              between(0, p.filter_width - 1)};
  int32_t const out_height = between(1, 5);
  int32_t const out_width = between(1, 5);
  if (code == proto::Opcode::average_pool_2d && form_.asymmetric)
    code = proto::Opcode::average_pool_2d_up;
  auto const extent = [&](int32_t out, int32_t stride, int32_t pad, int32_t filter) -> int32_t {
    int32_t const last = (out - 1) * stride - pad;  // where the last window begins
    return std::max(last + between(1, filter + 1), 1);
  };
  int32_t const batch = between(1, 2);
  int32_t const depth = channels();
  p.clamp = clamp(0);
  int32_t const zero = zero_point();
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {
      {.name = "in",
       .shape = extents(
           batch, extent(out_height, p.window.stride_height, p.window.pad_top, p.filter_height),
           extent(out_width, p.window.stride_width, p.window.pad_left, p.filter_width), depth),
       .scales = {1},
       .zero_point = zero},
      {.name = "out",
       .shape = extents(batch, out_height, out_width, depth),
       .scales = {1},
       .zero_point = zero}};
  return finish(spec, code, proto::param_words(p));
}

auto RandomStep::mean() -> Bytes {
  auto const in = extents(between(1, 2), between(1, 9), between(1, 9), channels());
  auto out = in;
  int32_t const axes = one_in(3) ? between(1, 15) : 6;
  int32_t count = 1;
  for (size_t d = 0; d < 4; ++d)
    if (axes >> d & 1) {
      count *= static_cast<int32_t>(in[d]);
      out[d] = 1;
    }
  proto::MeanParams const p{.axes = axes, .multiplier = multiplier(count)};
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}, .zero_point = zero_point()},
                  {.name = "out", .shape = out, .scales = {1}, .zero_point = zero_point()}};
  return finish(spec, proto::Opcode::mean, proto::param_words(p));
}

auto RandomStep::lookup() -> Bytes {
  auto const shape = extents(1, between(1, 5), between(1, 5), channels());
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = shape, .scales = {1}},
                  {.name = "out", .shape = shape, .scales = {1}},
                  {.name = "table", .shape = {256}, .scales = {1}, .data = bytes(256)}};
  return finish(spec, proto::Opcode::lookup, {});
}

}  // namespace godwit::engine
