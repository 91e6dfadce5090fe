// Operators that move values along axes: TRANSPOSE, slices, splits, gathers, repetition.
#include <algorithm>
#include <cmath>

#include "compiler/lower/rearrange.h"

namespace godwit::compiler {

namespace {

/// Every index of every axis, as it is.
auto identity(std::vector<uint32_t> const& shape) -> Moves {
  auto const strides = strides_of(shape);
  Moves moves;
  for (size_t d = 0; d < shape.size(); ++d) moves.push_back(steps(shape[d], 0, 1, strides[d]));
  return moves;
}

/// Output `i` takes `count` indices of `axis` from `start` on.
auto take(Lowering& lowering, Source const& source, size_t axis, uint32_t start, uint32_t count,
          size_t i) -> Result<> {
  auto const& shape = source.tensor->shape;
  if (uint64_t{start} + count > shape[axis]) return invalid("takes more than its input has");
  auto moves = identity(shape);
  moves[axis] = steps(count, start, 1, strides_of(shape)[axis]);
  return finish_rearrange(lowering, source.value, moves, 0, i);
}

}  // namespace

auto lower_transpose(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const order, lowering.small_numbers(1));
  auto const inner = identity(source.tensor->shape);
  if (order.size() != inner.size()) return lowering.fail(1, "does not name every axis once");
  Moves moves;
  uint32_t seen = 0;
  for (int64_t number : order) {
    TRY(auto const axis, read_axis(number, inner.size()));
    if (seen >> axis & 1) return lowering.fail(1, "does not name every axis once");
    seen |= 1u << axis;
    moves.push_back(inner[axis]);
  }
  return finish_rearrange(lowering, source.value, moves);
}

auto lower_slice(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(3, 3));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const begin, lowering.small_numbers(1));
  TRY(auto const size, lowering.small_numbers(2));
  auto const& shape = source.tensor->shape;
  auto const strides = strides_of(shape);
  if (begin.size() != shape.size() || size.size() != shape.size())
    return lowering.fail(1, "does not fit the input's dimensions");
  Moves moves;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (begin[d] < 0 || begin[d] > shape[d]) return lowering.fail(1, "leads outside the input");
    int64_t const left = int64_t{shape[d]} - begin[d];
    int64_t const count = size[d] == -1 ? left : size[d];
    if (count < 1 || count > left) return lowering.fail(1, "leads outside the input");
    moves.push_back(steps(static_cast<uint32_t>(count), begin[d], 1, strides[d]));
  }
  return finish_rearrange(lowering, source.value, moves);
}

auto lower_split(Lowering& lowering) -> Result<> {
  size_t const parts = lowering.op().outputs.size();
  TRY_VOID(lowering.check_count(2, 2, parts));
  TRY(auto const source, read_source(lowering, 1));
  TRY(auto const axes, lowering.small_numbers(0));
  if (axes.size() != 1) return lowering.fail(0, "is not one axis");
  TRY(auto const axis, read_axis(axes[0], source.tensor->shape.size()));
  auto const extent = source.tensor->shape[axis];
  if (parts == 0 || extent % parts != 0) return invalid("does not split its input evenly");
  auto const count = static_cast<uint32_t>(extent / parts);
  for (size_t i = 0; i < parts; ++i)
    TRY_VOID(take(lowering, source, axis, static_cast<uint32_t>(i) * count, count, i));
  return {};
}

auto lower_split_v(Lowering& lowering) -> Result<> {
  size_t const parts = lowering.op().outputs.size();
  TRY_VOID(lowering.check_count(3, 3, parts));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const sizes, lowering.small_numbers(1));
  TRY(auto const axes, lowering.small_numbers(2));
  if (axes.size() != 1 || sizes.size() != parts)
    return lowering.fail(1, "does not fit the outputs");
  TRY(auto const axis, read_axis(axes[0], source.tensor->shape.size()));
  uint32_t start = 0;
  for (size_t i = 0; i < parts; ++i) {
    TRY(auto const* output, lowering.output(i, {source.tensor->type}));
    if (output->shape.size() != source.tensor->shape.size())
      return invalid("has an output of another rank");
    auto const count = output->shape[axis];  // A size of -1 stands for what is left.
    TRY_VOID(take(lowering, source, axis, start, count, i));
    start += count;
  }
  return {};
}

auto lower_unpack(Lowering& lowering) -> Result<> {
  size_t const parts = lowering.op().outputs.size();
  TRY_VOID(lowering.check_count(1, 1, parts));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const number, lowering.option_int(1, 0));
  auto const& shape = source.tensor->shape;
  TRY(auto const axis, read_axis(number, shape.size()));
  if (shape[axis] != parts) return invalid("has as many outputs as its axis has not");
  uint32_t const stride = strides_of(shape)[axis];
  for (size_t i = 0; i < parts; ++i) {
    auto moves = identity(shape);
    moves.erase(moves.begin() + static_cast<ptrdiff_t>(axis));
    auto const start = static_cast<uint32_t>(i) * stride;
    if (moves.empty()) moves = {{}};
    if (moves[0].empty()) moves[0] = {0};
    for (auto& offset : moves[0]) offset += start;
    if (shape.size() == 1) {  // Each output is one value without axes.
      TRY(auto const* output, lowering.output(i, {source.tensor->type}));
      auto const line = add_rearrange(lowering, source.value, moves, 0, *output);
      TRY_VOID(lowering.finish({proto::Opcode::reshape, {line}, {}, {}}, i));
      continue;
    }
    TRY_VOID(finish_rearrange(lowering, source.value, moves, 0, i));
  }
  return {};
}

namespace {

auto gather_computed(Lowering& lowering, Source const& source, int32_t number, int32_t batches)
    -> Result<> {
  TRY_VOID(lowering.activation(1, {TfliteType::int32}));
  TRY(auto const axis, read_axis(number, source.tensor->shape.size()));
  auto const rank = static_cast<int32_t>(lowering.input_shape(1).size());
  if (batches < -rank || batches > rank) return invalid("gathers by batches that are not there");
  TRY(auto const indices, lowering.value(1));
  proto::GatherParams const params{static_cast<int32_t>(axis),
                                   batches < 0 ? batches + rank : batches};
  return lowering.finish(
      {proto::Opcode::gather, {source.value, indices}, {}, proto::param_words(params)});
}

/// Where constant indices lead along an axis.
auto chosen(Lowering const& lowering, std::vector<int64_t> const& indices, uint32_t extent,
            uint32_t stride) -> Result<std::vector<uint32_t>> {
  std::vector<uint32_t> places;
  for (int64_t index : indices) {
    if (index < 0 || index >= extent) return lowering.fail(1, "leads outside the input");
    places.push_back(static_cast<uint32_t>(index) * stride);
  }
  return places;
}

/// Makes output 0 of values in its order but of another shape: with an axis for each of the
/// indices' own, or without any.
auto finish_chosen(Lowering& lowering, uint32_t value) -> Result<> {
  TRY(auto const* output, lowering.output(0, all_types()));
  uint64_t count = 1;
  for (uint32_t extent : lowering.spec(value).shape) count *= extent;
  if (count != output->elements) return invalid("has an output of another size than expected");
  return lowering.finish({proto::Opcode::reshape, {value}, {}, {}});
}

}  // namespace

auto lower_gather(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const number, lowering.option_int(0, 0));
  TRY(auto const batches, lowering.option_int(1, 0));
  if (lowering.is_computed(1)) return gather_computed(lowering, source, number, batches);
  TRY(auto const indices, lowering.small_numbers(1));
  if (batches != 0) return invalid("gathers by batch, which cannot be compiled");
  auto const& shape = source.tensor->shape;
  TRY(auto const axis, read_axis(number, shape.size()));
  auto moves = identity(shape);
  TRY(moves[axis], chosen(lowering, indices, shape[axis], strides_of(shape)[axis]));
  if (lowering.input_shape(1).size() == 1) return finish_rearrange(lowering, source.value, moves);
  return finish_chosen(lowering, add_rearrange(lowering, source.value, moves, 0, *source.tensor));
}

/// Places of one value, or of a line of them, as constants: along the first axes taken together.
auto lower_gather_nd(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const numbers, lowering.small_numbers(1));
  auto const& shape = source.tensor->shape;
  auto const index_shape = lowering.input_shape(1);
  size_t const axes = index_shape.empty() ? 0 : index_shape.back();
  if (axes < 1 || axes > shape.size())
    return lowering.fail(1, "names no axes, or more than the input has");
  auto const strides = strides_of(shape);
  std::vector<uint32_t> places;
  for (size_t from = 0; from < numbers.size(); from += axes) {
    uint32_t place = 0;
    for (size_t d = 0; d < axes; ++d) {
      int64_t const index = numbers[from + d];
      if (index < 0 || index >= shape[d]) return lowering.fail(1, "leads outside the input");
      place += static_cast<uint32_t>(index) * strides[d];
    }
    places.push_back(place);
  }
  Moves moves = {std::move(places)};
  for (size_t d = axes; d < shape.size(); ++d) moves.push_back(steps(shape[d], 0, 1, strides[d]));
  return finish_chosen(lowering, add_rearrange(lowering, source.value, moves, 0, *source.tensor));
}

namespace {

/// Index i of the output is index i modulo its own extent of the input: TILE, BROADCAST_TO.
auto repeat(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const* output, lowering.output(0, {source.tensor->type}));
  auto shape = source.tensor->shape;
  if (shape.size() > output->shape.size()) return invalid("has an output of another rank");
  shape.insert(shape.begin(), output->shape.size() - shape.size(), 1);
  auto const strides = strides_of(shape);
  Moves moves;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (output->shape[d] % shape[d] != 0) return invalid("does not repeat its input evenly");
    auto& axis = moves.emplace_back();
    for (uint32_t i = 0; i < output->shape[d]; ++i) axis.push_back(i % shape[d] * strides[d]);
  }
  return finish_rearrange(lowering, source.value, moves);
}

}  // namespace

auto lower_tile(Lowering& lowering) -> Result<> {
  return repeat(lowering);
}

auto lower_broadcast_to(Lowering& lowering) -> Result<> {
  return repeat(lowering);
}

auto lower_reverse(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const source, read_source(lowering, 0));
  TRY(auto const axes, lowering.small_numbers(1));
  auto moves = identity(source.tensor->shape);
  for (int64_t number : axes) {
    TRY(auto const axis, read_axis(number, moves.size()));
    std::reverse(moves[axis].begin(), moves[axis].end());
  }
  return finish_rearrange(lowering, source.value, moves);
}

}  // namespace godwit::compiler
