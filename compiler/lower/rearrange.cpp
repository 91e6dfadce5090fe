#include "compiler/lower/rearrange.h"

#include <cmath>

namespace godwit::compiler {

std::vector<TfliteType> const& all_types() {
  static std::vector<TfliteType> const types = {TfliteType::int8, TfliteType::uint8,
                                                TfliteType::int16, TfliteType::int32,
                                                TfliteType::float32};
  return types;
}

auto strides_of(std::vector<uint32_t> const& shape) -> std::vector<uint32_t> {
  std::vector<uint32_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

auto steps(uint32_t count, int64_t start, int64_t step, uint32_t stride) -> std::vector<uint32_t> {
  std::vector<uint32_t> out(count);
  for (uint32_t i = 0; i < count; ++i)
    out[i] = static_cast<uint32_t>((start + i * step) * int64_t{stride});
  return out;
}

auto read_source(Lowering& lowering, size_t i) -> Result<Source> {
  TRY(auto const* input, lowering.activation(i, all_types()));
  TRY(auto const* output, lowering.output(0, {input->type}));
  TRY_VOID(lowering.check_same_quantisation(i, *output));
  for (auto const* tensor : {input, output})
    for (uint32_t extent : tensor->shape)
      if (extent > kMovedMax) return lowering.fail(i, "or the output is too long along one axis");
  TRY(auto const value, lowering.value(i));
  return Source{value, input};
}

namespace {

auto rearrange(Lowering& lowering, uint32_t value, Moves const& moves, int32_t filler)
    -> proto::OperatorSpec {
  Writer words;
  uint32_t count = 0;
  for (auto const& axis : moves)
    for (uint32_t offset : axis) {
      words.u32(offset);
      ++count;
    }
  auto const table = lowering.add_constant({.name = "moves",
                                            .type = proto::TensorType::int32,
                                            .shape = {count},
                                            .scales = {},
                                            .data = std::move(words).take()});
  return {proto::Opcode::rearrange,
          {value, table},
          {},
          proto::param_words(proto::RearrangeParams{filler})};
}

}  // namespace

auto add_rearrange(Lowering& lowering, uint32_t value, Moves const& moves, int32_t filler,
                   TfliteTensor const& like) -> uint32_t {
  auto spec = tensor_spec(like);
  spec.shape.clear();
  for (auto const& axis : moves) spec.shape.push_back(static_cast<uint32_t>(axis.size()));
  return lowering.add(rearrange(lowering, value, moves, filler), std::move(spec));
}

auto finish_rearrange(Lowering& lowering, uint32_t value, Moves const& moves, int32_t filler,
                      size_t i) -> Result<> {
  TRY(auto const* output, lowering.output(i, all_types()));
  if (output->shape.empty() && moves.empty()) {  // One value, which has no axis to move along.
    auto const line = add_rearrange(lowering, value, {{0}}, filler, *output);
    return lowering.finish({proto::Opcode::reshape, {line}, {}, {}}, i);
  }
  if (output->shape.size() != moves.size()) return invalid("has an output of another rank");
  for (size_t d = 0; d < moves.size(); ++d)
    if (moves[d].size() != output->shape[d])
      return invalid("has an output of " + std::to_string(output->shape[d]) + " along axis " +
                     std::to_string(d) + " where " + std::to_string(moves[d].size()) +
                     " are expected");
  return lowering.finish(rearrange(lowering, value, moves, filler), i);
}

auto read_axis(int64_t axis, size_t rank) -> Result<size_t> {
  auto const count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) return invalid("names an axis that is not there");
  return static_cast<size_t>(axis < 0 ? axis + count : axis);
}

}  // namespace godwit::compiler
