// Models of one operator that computes or moves values without weights.
#include <bit>
#include <cmath>

#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {

namespace {

auto words(std::vector<uint32_t> const& values) -> Bytes {
  Bytes bytes;
  for (auto const value : values)
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return bytes;
}

auto as_int(uint32_t value) -> int32_t {
  return static_cast<int32_t>(value);
}

}  // namespace

auto RandomStep::shape4(int32_t most, int32_t channels) -> std::vector<uint32_t> {
  std::vector<uint32_t> shape;
  for (int i = 0; i < 3; ++i) shape.push_back(static_cast<uint32_t>(between(1, most)));
  shape.push_back(static_cast<uint32_t>(channels));
  return shape;
}

auto RandomStep::transpose_conv() -> Bytes {
  proto::TransposeConvParams p{};
  auto const in = shape4(4, between(1, 9));
  uint32_t const height = static_cast<uint32_t>(between(1, 4));
  uint32_t const width = static_cast<uint32_t>(between(1, 4));
  auto const out_channels = static_cast<uint32_t>(between(1, 12));
  p.window = {between(1, 3), between(1, 3), between(0, as_int(height) - 1),
              between(0, as_int(width) - 1)};
  int32_t const zero = zero_point();
  p.clamp = clamp(zero);
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}, .zero_point = zero_point()},
                  {.name = "out",
                   .shape = {in[0], static_cast<uint32_t>(between(1, 12)),
                             static_cast<uint32_t>(between(1, 12)), out_channels},
                   .scales = {1},
                   .zero_point = zero}};
  add_constants(spec, {out_channels, height, width, in[3]}, out_channels,
                as_int(height * width * in[3]));
  return finish(spec, proto::Opcode::transpose_conv, proto::param_words(p));
}

auto RandomStep::binary(proto::Opcode code) -> Bytes {
  auto const shape = shape4(5, channels());
  auto other = shape;
  if (one_in(3)) other[static_cast<size_t>(between(0, 3))] = 1;
  if (one_in(5)) other.erase(other.begin());
  int32_t const zero = zero_point();
  bool const choice = code == proto::Opcode::maximum || code == proto::Opcode::minimum;
  auto const input_zero = [&] { return choice ? zero : zero_point(); };
  std::vector<int32_t> params;
  if (code == proto::Opcode::mul)
    params = proto::param_words(proto::MulParams{multiplier(1), clamp(zero)});
  if (code == proto::Opcode::prelu)
    params = proto::param_words(proto::PreluParams{multiplier(1), multiplier(1)});
  if (code == proto::Opcode::squared_difference) {
    auto p = add_params(zero);
    p.left_shift = between(0, 7);
    params = proto::param_words(p);
  }
  proto::ModelSpec spec;
  spec.input_count = 2;
  spec.tensors = {{.name = "a", .shape = shape, .scales = {1}, .zero_point = input_zero()},
                  {.name = "b", .shape = other, .scales = {1}, .zero_point = input_zero()},
                  {.name = "out", .shape = shape, .scales = {1}, .zero_point = zero}};
  if (code == proto::Opcode::pair_lookup)
    spec.tensors.push_back(
        {.name = "table", .shape = {1u << 16}, .scales = {1}, .data = bytes(1u << 16)});
  return finish(spec, code, std::move(params));
}

auto RandomStep::reduced(proto::Opcode code) -> Bytes {
  auto const in = shape4(6, channels());
  bool const arg = code == proto::Opcode::arg_max || code == proto::Opcode::arg_min;
  int32_t const axis = between(0, 3);
  int32_t const axes = arg ? 1 << axis : between(1, 15);
  auto out = in;
  for (size_t d = 0; d < 4; ++d)
    if (axes >> d & 1) out[d] = 1;
  int32_t const zero = zero_point();
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}, .zero_point = zero},
                  {.name = "out", .shape = out, .scales = {1}, .zero_point = zero}};
  if (!arg) return finish(spec, code, proto::param_words(proto::ReduceParams{axes}));
  spec.tensors[1].type = proto::TensorType::int32;
  spec.tensors[1].zero_point = 0;
  return finish(spec, code, proto::param_words(proto::ArgParams{axis}));
}

auto RandomStep::slopes() -> Bytes {
  auto const shape = shape4(5, channels());
  proto::SlopesParams const p{multiplier(1), multiplier(1), clamp(0)};
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = shape, .scales = {1}},
                  {.name = "out", .shape = shape, .scales = {1}}};
  return finish(spec, proto::Opcode::wide_slopes, proto::param_words(p));
}

auto RandomStep::batch_matmul() -> Bytes {
  auto const rows = static_cast<uint32_t>(between(1, 7));
  auto const depth = static_cast<uint32_t>(between(1, 40));
  auto const columns = static_cast<uint32_t>(between(1, one_in(2) ? 9 : 40));
  auto const outer = static_cast<uint32_t>(between(1, 3));
  auto const inner = static_cast<uint32_t>(between(1, 3));
  int32_t const zero = zero_point();
  auto m = multiplier(as_int(depth));
  if (form_.wide) m.shift = std::min(m.shift, 7);
  proto::BatchMatmulParams const p{between(0, 1), between(0, 1), m, clamp(zero)};
  std::vector<uint32_t> a = {outer, inner, rows, depth};
  std::vector<uint32_t> b = {one_in(3) ? 1 : outer, one_in(3) ? 1 : inner, depth, columns};
  if (p.transpose_first) std::swap(a[2], a[3]);
  if (p.transpose_second) std::swap(b[2], b[3]);
  proto::ModelSpec spec;
  spec.input_count = 2;
  spec.tensors = {
      {.name = "a", .shape = a, .scales = {1}, .zero_point = zero_point()},
      {.name = "b", .shape = b, .scales = {1}, .zero_point = zero_point()},
      {.name = "out", .shape = {outer, inner, rows, columns}, .scales = {1}, .zero_point = zero}};
  return finish(spec, proto::Opcode::batch_matmul, proto::param_words(p));
}

auto RandomStep::resize_bilinear() -> Bytes {
  auto const in = shape4(7, between(1, 6));
  auto out = in;
  out[1] = static_cast<uint32_t>(between(1, 12));
  out[2] = static_cast<uint32_t>(between(1, 12));
  auto const scale = [](uint32_t from, uint32_t to) {
    return static_cast<int32_t>((1024 * from + to / 2) / to);
  };
  proto::ResizeParams const p{scale(in[1], out[1]), scale(in[2], out[2]), between(0, 1)};
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}},
                  {.name = "out", .shape = out, .scales = {1}}};
  return finish(spec, proto::Opcode::resize_bilinear, proto::param_words(p));
}

auto RandomStep::resize_bilinear_real() -> Bytes {
  auto const in = shape4(7, channels());
  auto out = in;
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}},
                  {.name = "out", .shape = out, .scales = {1}}};
  for (size_t axis : {1, 2}) {
    auto const extent = static_cast<uint32_t>(between(1, 12));
    spec.tensors[1].shape[axis] = extent;
    std::vector<uint32_t> places;
    for (uint32_t i = 0; i < extent; ++i) {
      auto const at =
          static_cast<float>(i) * static_cast<float>(in[axis]) / static_cast<float>(extent);
      auto const lower = static_cast<uint32_t>(at);
      places.push_back(lower);
      places.push_back(std::min(lower + 1, in[axis] - 1));
      places.push_back(std::bit_cast<uint32_t>(at - std::floor(at)));
    }
    spec.tensors.push_back({.name = "places",
                            .type = proto::TensorType::int32,
                            .shape = {3 * extent},
                            .scales = {},
                            .data = words(places)});
  }
  return finish(spec, proto::Opcode::resize_bilinear_real, {});
}

auto RandomStep::converted(proto::Opcode code) -> Bytes {
  using Type = proto::TensorType;
  bool const cast = code == proto::Opcode::cast;
  constexpr Type kTypes[] = {Type::int8, Type::uint8, Type::int16, Type::int32, Type::float32};
  auto const any = [&](int32_t most) { return kTypes[between(0, most)]; };
  auto const zero_of = [&](Type type) {
    if (cast || (type != Type::int8 && type != Type::uint8)) return 0;
    return type == Type::int8 ? between(-128, 127) : between(0, 255);
  };
  auto const from = any(cast ? 4 : 3);
  auto const to = code == proto::Opcode::dequantize ? Type::float32 : any(cast ? 4 : 3);
  auto const shape = shape4(5, channels());
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {
      {.name = "in", .type = from, .shape = shape, .scales = {1}, .zero_point = zero_of(from)},
      {.name = "out", .type = to, .shape = shape, .scales = {1}, .zero_point = zero_of(to)}};
  if (cast) return finish(spec, code, {});
  if (code == proto::Opcode::dequantize)
    return finish(spec, code,
                  proto::param_words(proto::ScaleParams{
                      std::bit_cast<int32_t>(static_cast<float>(between(1, 1000)) / 777)}));
  return finish(spec, code, proto::param_words(proto::RequantizeParams{multiplier(1)}));
}

auto RandomStep::pad() -> Bytes {
  auto const in = shape4(4, channels());
  auto out = in;
  proto::PadParams p{};
  for (size_t d = 0; d < 4; ++d) {
    p.before[d] = one_in(2) ? between(0, 2) : 0;
    out[d] += static_cast<uint32_t>(p.before[d] + (one_in(2) ? between(0, 2) : 0));
  }
  p.value = between(-128, 127);
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}},
                  {.name = "out", .shape = out, .scales = {1}}};
  return finish(spec, proto::Opcode::pad, proto::param_words(p));
}

auto RandomStep::reshape() -> Bytes {
  auto const in = shape4(5, channels());
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}},
                  {.name = "out", .shape = {in[3], in[0] * in[1] * in[2]}, .scales = {1}}};
  return finish(spec, proto::Opcode::reshape, {});
}

auto RandomStep::rearrange() -> Bytes {
  auto const in = shape4(5, channels());
  std::vector<uint32_t> out;
  std::vector<uint32_t> table;
  uint32_t stride = elements(in);
  for (size_t d = 0; d < 4;
       ++d) {  // Each axis of the output takes what it likes of one of the input.
    stride /= in[d];
    out.push_back(static_cast<uint32_t>(between(1, 7)));
    for (uint32_t i = 0; i < out[d]; ++i)
      table.push_back(one_in(6) ? UINT32_MAX
                                : static_cast<uint32_t>(between(0, as_int(in[d]) - 1)) * stride);
  }
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {{.name = "in", .shape = in, .scales = {1}},
                  {.name = "out", .shape = out, .scales = {1}},
                  {.name = "moves",
                   .type = proto::TensorType::int32,
                   .shape = {static_cast<uint32_t>(table.size())},
                   .scales = {},
                   .data = words(table)}};
  return finish(spec, proto::Opcode::rearrange,
                proto::param_words(proto::RearrangeParams{between(-128, 127)}));
}

auto RandomStep::concatenation() -> Bytes {
  auto const outer = static_cast<uint32_t>(between(1, 5));
  auto const count = static_cast<uint32_t>(between(1, 5));
  proto::ModelSpec spec;
  spec.input_count = count;
  uint32_t width = 0;
  for (uint32_t i = 0; i < count; ++i) {
    auto const own = static_cast<uint32_t>(channels());
    width += own;
    spec.tensors.push_back({.name = "in", .shape = {outer, own}, .scales = {1}});
  }
  spec.tensors.push_back({.name = "out", .shape = {outer, width}, .scales = {1}});
  return finish(spec, proto::Opcode::concatenation,
                proto::param_words(proto::ConcatenationParams{as_int(outer)}));
}

auto RandomStep::gather() -> Bytes {
  auto const in = shape4(6, between(1, 9));
  int32_t const axis = between(0, 3);
  proto::GatherParams const p{axis, between(0, std::min(axis, 2))};
  std::vector<uint32_t> chosen(in.begin(), in.begin() + p.batch_dimensions);
  chosen.push_back(static_cast<uint32_t>(between(1, 5)));
  auto out = in;
  out[static_cast<size_t>(axis)] = chosen.back();
  proto::ModelSpec spec;
  spec.input_count = 2;
  spec.tensors = {
      {.name = "in", .shape = in, .scales = {1}},
      {.name = "indices", .type = proto::TensorType::int32, .shape = chosen, .scales = {}},
      {.name = "out", .shape = out, .scales = {1}}};
  return finish(spec, proto::Opcode::gather, proto::param_words(p));
}

}  // namespace godwit::engine
