#include "compiler/read/known_numbers.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "proto/base/bytes.h"

namespace godwit::compiler {

namespace {

using Numbers = std::vector<int64_t>;

constexpr size_t kNumbersMax = 256;
constexpr uint32_t kFilledMax = 1 << 20;

auto is_numbers(TfliteType type) -> bool {
  return type == TfliteType::int32 || type == TfliteType::int64;
}

void keep(TfliteModel& model, int32_t index, Bytes data, std::vector<uint32_t> shape) {
  auto& tensor = model.tensors[static_cast<size_t>(index)];
  tensor.elements = 1;
  for (auto extent : shape) tensor.elements *= extent;
  tensor.shape = std::move(shape);
  tensor.open.clear();
  tensor.data = model.made.emplace_back(std::move(data));
}

auto bytes_of(Numbers const& numbers, TfliteType type) -> Bytes {
  Writer out;
  for (auto number : numbers) {
    if (type == TfliteType::int64)
      out.u64(static_cast<uint64_t>(number));
    else
      out.u32(static_cast<uint32_t>(number));
  }
  return std::move(out).take();
}

auto option(TfliteOperator const& op, uint32_t field) -> int32_t {
  if (!op.options) return 0;
  auto const number = op.options->number<int32_t>(field, 0);
  return number ? *number : 0;
}

/// Of one axis: begin, end and stride, of which masks may leave out the first two.
auto strided_slice(TfliteOperator const& op, std::vector<Numbers> const& inputs)
    -> std::optional<Numbers> {
  if (inputs.size() != 4) return std::nullopt;
  for (size_t i = 1; i < 4; ++i)
    if (inputs[i].size() != 1) return std::nullopt;
  auto const count = static_cast<int64_t>(inputs[0].size());
  auto const from_end = [&](int64_t at) { return at < 0 ? at + count : at; };
  int64_t const stride = inputs[3][0];
  if (stride < 1 || stride > count) return std::nullopt;
  bool const shrinks = option(op, 4) & 1;
  int64_t const begin = option(op, 0) & 1 ? 0 : from_end(inputs[1][0]);
  int64_t end = option(op, 1) & 1 ? count : std::min(from_end(inputs[2][0]), count);
  if (begin < 0 || begin >= count) return std::nullopt;
  if (shrinks) end = begin + 1;
  Numbers out;
  for (int64_t at = begin; at < end; at += stride)
    out.push_back(inputs[0][static_cast<size_t>(at)]);
  return out;
}

auto gathered(std::vector<Numbers> const& inputs) -> std::optional<Numbers> {
  if (inputs.size() != 2) return std::nullopt;
  Numbers out;
  for (auto place : inputs[1]) {
    if (place < 0 || place >= static_cast<int64_t>(inputs[0].size())) return std::nullopt;
    out.push_back(inputs[0][static_cast<size_t>(place)]);
  }
  return out;
}

auto joined(std::vector<Numbers> const& inputs) -> Numbers {
  Numbers out;
  for (auto const& input : inputs) out.insert(out.end(), input.begin(), input.end());
  return out;
}

auto floor_div(int64_t a, int64_t b) -> int64_t {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

auto one_by_one(TfliteCode code, std::vector<Numbers> const& inputs) -> std::optional<Numbers> {
  if (inputs.size() != 2) return std::nullopt;
  size_t const count = std::max(inputs[0].size(), inputs[1].size());
  Numbers out;
  for (auto const& input : inputs)
    if (input.size() != count && input.size() != 1) return std::nullopt;
  constexpr int64_t kFar = INT64_C(1) << 31;
  for (size_t i = 0; i < count; ++i) {
    int64_t const a = inputs[0][inputs[0].size() == 1 ? 0 : i];
    int64_t const b = inputs[1][inputs[1].size() == 1 ? 0 : i];
    bool const divides = code == TfliteCode::floor_div || code == TfliteCode::floor_mod;
    if (std::max(std::abs(a), std::abs(b)) > kFar || (divides && b == 0)) return std::nullopt;
    switch (code) {
      case TfliteCode::add:
        out.push_back(a + b);
        break;
      case TfliteCode::sub:
        out.push_back(a - b);
        break;
      case TfliteCode::mul:
        out.push_back(a * b);
        break;
      case TfliteCode::maximum:
        out.push_back(std::max(a, b));
        break;
      case TfliteCode::minimum:
        out.push_back(std::min(a, b));
        break;
      case TfliteCode::floor_div:
        out.push_back(floor_div(a, b));
        break;
      case TfliteCode::floor_mod:
        out.push_back(a - b * floor_div(a, b));
        break;
      default:
        return std::nullopt;
    }
  }
  return out;
}

auto product(Numbers const& numbers) -> std::optional<Numbers> {
  int64_t out = 1;
  for (auto number : numbers)
    if (__builtin_mul_overflow(out, number, &out)) return std::nullopt;
  return Numbers{out};
}

auto computed(TfliteOperator const& op, std::vector<Numbers> const& inputs)
    -> std::optional<Numbers> {
  switch (op.code) {
    case TfliteCode::strided_slice:
      return strided_slice(op, inputs);
    case TfliteCode::gather:
      return gathered(inputs);
    case TfliteCode::pack:
    case TfliteCode::concatenation:
      return joined(inputs);
    case TfliteCode::reduce_prod:
      return product(inputs[0]);
    case TfliteCode::cast:
    case TfliteCode::reshape:
    case TfliteCode::squeeze:
    case TfliteCode::expand_dims:
      return inputs[0];
    default:
      return one_by_one(op.code, inputs);
  }
}

/// Only lists and single numbers: of more axes the order in which they are joined would matter.
auto rank_of_result(TfliteModel const& model, TfliteOperator const& op) -> std::optional<size_t> {
  auto const rank = model.tensors[static_cast<size_t>(op.outputs[0])].shape.size();
  if (rank > 1) return std::nullopt;
  for (auto index : op.inputs)
    if (model.tensors[static_cast<size_t>(index)].shape.size() > 1) return std::nullopt;
  return rank;
}

/// FILL: a constant of one value, of any type.
auto fill(TfliteModel& model, TfliteOperator const& op) -> bool {
  if (op.inputs.size() != 2) return false;
  auto const extents = known_numbers(model, op.inputs[0]);
  auto const& value = model.tensors[static_cast<size_t>(op.inputs[1])];
  if (!extents || value.elements != 1 || value.data.empty()) return false;
  std::vector<uint32_t> shape;
  uint64_t elements = 1;
  for (auto extent : *extents) {
    if (extent < 1 || extent > kFilledMax) return false;
    shape.push_back(static_cast<uint32_t>(extent));
    elements *= static_cast<uint64_t>(extent);
    if (elements > kFilledMax) return false;
  }
  Bytes data;
  for (uint64_t i = 0; i < elements; ++i)
    data.insert(data.end(), value.data.begin(), value.data.end());
  keep(model, op.outputs[0], std::move(data), std::move(shape));
  return true;
}

}  // namespace

auto known_numbers(TfliteModel const& model, int32_t index) -> std::optional<Numbers> {
  if (index < 0) return std::nullopt;
  auto const& tensor = model.tensors[static_cast<size_t>(index)];
  if (!is_numbers(tensor.type) || tensor.data.empty() || tensor.elements == 0 ||
      tensor.elements > kNumbersMax)
    return std::nullopt;
  Reader reader(tensor.data);
  Numbers out;
  for (uint32_t i = 0; i < tensor.elements; ++i) {
    if (tensor.type == TfliteType::int64) {
      auto const number = reader.u64();
      if (!number) return std::nullopt;
      out.push_back(static_cast<int64_t>(*number));
    } else {
      auto const number = reader.u32();
      if (!number) return std::nullopt;
      out.push_back(static_cast<int32_t>(*number));
    }
  }
  return out;
}

auto make_known(TfliteModel& model, TfliteOperator const& op) -> bool {
  if (op.outputs.size() != 1 || op.inputs.empty()) return false;
  auto& output = model.tensors[static_cast<size_t>(op.outputs[0])];
  if (!output.data.empty() || output.variable) return false;
  if (op.code == TfliteCode::fill) return fill(model, op);
  if (!is_numbers(output.type)) return false;
  std::optional<Numbers> made;
  if (op.code == TfliteCode::shape) {
    if (op.inputs[0] < 0) return false;
    auto const& shape = model.tensors[static_cast<size_t>(op.inputs[0])].shape;
    made = Numbers(shape.begin(), shape.end());
  } else {
    std::vector<Numbers> inputs;
    for (auto index : op.inputs) {
      auto numbers = known_numbers(model, index);
      if (!numbers) return false;
      inputs.push_back(*std::move(numbers));
    }
    if (!rank_of_result(model, op)) return false;
    made = computed(op, inputs);
  }
  if (!made || made->empty() || made->size() > kNumbersMax) return false;
  bool const single = output.shape.empty() && made->size() == 1;
  auto shape =
      single ? std::vector<uint32_t>{} : std::vector<uint32_t>{static_cast<uint32_t>(made->size())};
  keep(model, op.outputs[0], bytes_of(*made, output.type), std::move(shape));
  return true;
}

}  // namespace godwit::compiler
