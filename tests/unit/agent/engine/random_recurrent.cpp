// The operators that remember.
#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {

auto RandomStep::symmetric(size_t count) -> Bytes {
  auto weights = bytes(count);
  for (auto& weight : weights)
    if (weight == 0x80) weight = 0x81;
  return weights;
}

auto RandomStep::lstm(bool halves) -> Bytes {
  auto const batches = static_cast<uint32_t>(between(1, 2));
  auto const times = static_cast<uint32_t>(one_in(4) ? between(20, 60) : between(1, 8));
  uint32_t const in_a_byte = halves ? 2 : 1;
  auto const depth = static_cast<uint32_t>(channels()) * in_a_byte;
  auto const units = static_cast<uint32_t>(between(1, 50)) * in_a_byte;
  proto::LstmParams p{};
  p.time_major = between(0, 1);
  for (auto& m : p.input) m = multiplier(static_cast<int32_t>(depth));
  for (auto& m : p.recurrent) m = multiplier(static_cast<int32_t>(units));
  for (auto* multipliers : {&p.input, &p.recurrent})
    for (auto& m : *multipliers) m.shift = std::min(m.shift + between(4, 9), 30);  // to 16 bits
  for (auto* m : {&p.forget, &p.update})
    *m = {.value = between(1 << 30, INT32_MAX), .shift = -between(13, 16)};
  p.output = {.value = between(1 << 30, INT32_MAX), .shift = -between(20, 24)};
  p.tanh_multiplier = one_in(2) ? 3 : between(0, 3 << 13);
  p.tanh_shift = p.tanh_multiplier == 3 ? 0 : between(0, 14);
  p.cell_clip = one_in(3) ? between(1, 32767) : 0;
  p.cell_activation = one_in(5) ? 1 : 0;
  std::vector<int32_t> biases;
  for (uint32_t i = 0; i < 4 * units; ++i) biases.push_back(between(-20000, 20000));
  using Shape = std::vector<uint32_t>;
  auto const of_times = [&](uint32_t size) {
    return p.time_major ? Shape{times, batches, size} : Shape{batches, times, size};
  };
  auto const weights = [&](char const* name, uint32_t size) {
    return proto::TensorSpec{.name = name,
                             .shape = {4, units, size / in_a_byte},
                             .scales = {1},
                             .data = symmetric(4 * units * size / in_a_byte)};
  };
  proto::ModelSpec spec;
  spec.input_count = 1;
  int32_t const out_zero = zero_point();
  spec.tensors = {
      {.name = "in", .shape = of_times(depth), .scales = {1}, .zero_point = zero_point()},
      {.name = "out", .shape = of_times(units), .scales = {1}, .zero_point = out_zero},
      weights("weights", depth),
      weights("recurrent", units),
      {.name = "bias",
       .type = proto::TensorType::int32,
       .shape = {4 * units},
       .scales = {},
       .data = words(biases)},
      {.name = "hidden",
       .shape = {batches, units},
       .scales = {1},
       .zero_point = out_zero,
       .state = true},
      {.name = "cell",
       .type = proto::TensorType::int16,
       .shape = {batches, units},
       .scales = {1},
       .state = true}};
  auto const code = halves ? proto::Opcode::lstm_4 : proto::Opcode::unidirectional_sequence_lstm;
  return finish(spec, code, proto::param_words(p));
}

auto RandomStep::svdf() -> Bytes {
  auto const batches = static_cast<uint32_t>(between(1, 2));
  auto const depth = static_cast<uint32_t>(channels());
  auto const units = static_cast<uint32_t>(channels());
  auto const rank = static_cast<uint32_t>(one_in(2) ? 1 : between(2, 3));
  auto const memory = static_cast<uint32_t>(one_in(2) ? 8 : between(1, 40));
  uint32_t const filters = units * rank;
  bool const wide = one_in(2);
  auto const type = wide ? proto::TensorType::int16 : proto::TensorType::int8;
  proto::SvdfParams p{};
  p.rank = static_cast<int32_t>(rank);
  p.feature = multiplier(static_cast<int32_t>(depth));
  if (wide) p.feature.shift = std::min(p.feature.shift + between(4, 9), 30);
  p.output = multiplier(static_cast<int32_t>(rank * memory));
  if (wide) p.output.shift = std::max(p.output.shift - between(8, 16), -31);
  std::vector<int32_t> biases;
  for (uint32_t i = 0; i < units; ++i) biases.push_back(between(-20000, 20000));
  proto::ModelSpec spec;
  spec.input_count = 1;
  spec.tensors = {
      {.name = "in", .shape = {batches, depth}, .scales = {1}, .zero_point = zero_point()},
      {.name = "out", .shape = {batches, units}, .scales = {1}, .zero_point = zero_point()},
      {.name = "feature",
       .shape = {filters, depth},
       .scales = {1},
       .data = symmetric(size_t{filters} * depth)},
      {.name = "time",
       .type = type,
       .shape = {filters, memory},
       .scales = {1},
       .data = bytes(size_t{filters} * memory * (wide ? 2 : 1))},
      {.name = "bias",
       .type = proto::TensorType::int32,
       .shape = {units},
       .scales = {},
       .data = words(biases)},
      {.name = "state",
       .type = type,
       .shape = {batches, filters * memory},
       .scales = {1},
       .zero_point = wide && !one_in(5) ? 0 : zero_point(),
       .state = true}};
  return finish(spec, proto::Opcode::svdf, proto::param_words(p));
}

}  // namespace godwit::engine
