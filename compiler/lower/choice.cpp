// Comparisons and SELECT of int8, as tables: what is true of a byte, or of a pair, is known here.
#include <algorithm>
#include <functional>

#include "agent/engine/fixed_point.h"
#include "compiler/lower/lower.h"

namespace godwit::compiler {

namespace {

constexpr uint32_t kBytes = 256;
constexpr int32_t kLowest = -128;

auto signed_byte(size_t byte) -> int32_t {
  return static_cast<int8_t>(static_cast<uint8_t>(byte));
}

/// Bytes in steps that both inputs of a comparison have in common, as the reference scales them.
struct Steps {
  int32_t zero;
  proto::Multiplier multiplier;

  explicit Steps(TfliteTensor const& tensor)
      : zero(zero_point(tensor)), multiplier(quantise_multiplier(real_scale(tensor))) {}
  auto of(int32_t value) const -> int32_t {
    constexpr int32_t kFraction = 1 << 8;
    return engine::scale((value - zero) * kFraction, multiplier, proto::Rounding::twice);
  }
};

auto holds(TfliteCode code, int32_t a, int32_t b) -> bool {
  switch (code) {
    case TfliteCode::less:
      return a < b;
    case TfliteCode::less_equal:
      return a <= b;
    case TfliteCode::greater:
      return a > b;
    case TfliteCode::greater_equal:
      return a >= b;
    case TfliteCode::equal:
      return a == b;
    default:
      return a != b;
  }
}

/// An int8 input: a value of the graph, or a constant that is the same byte everywhere.
struct Bytewise {
  uint32_t value = kNoValue;
  int32_t number = 0;

  auto is_number() const -> bool { return value == kNoValue; }
};

auto read_bytes(Lowering& lowering, size_t i) -> Result<Bytewise> {
  TRY_VOID(lowering.activation(i));
  if (lowering.is_computed(i)) {
    TRY(auto const value, lowering.value(i));
    return Bytewise{value, 0};
  }
  TRY(auto const* constant, lowering.constant(i, TfliteType::int8));
  auto const& data = constant->data;
  if (std::any_of(data.begin(), data.end(), [&](uint8_t byte) { return byte != data[0]; }))
    return lowering.fail(i, "is a constant of several values, which is not compared or selected");
  return Bytewise{kNoValue, signed_byte(data[0])};
}

auto add_table(Lowering& lowering, bool pairs, std::function<int32_t(size_t, size_t)> const& result)
    -> uint32_t {
  Bytes table;
  for (size_t a = 0; a < kBytes; ++a)
    for (size_t b = 0; b < (pairs ? kBytes : 1); ++b)
      table.push_back(static_cast<uint8_t>(result(a, b)));
  auto const size = static_cast<uint32_t>(table.size());
  return lowering.add_constant(
      {.name = "chosen", .shape = {size}, .scales = {}, .data = std::move(table)});
}

/// One byte a place, that says by `true_of` whether the condition holds there.
struct Condition {
  uint32_t value;
  std::vector<bool> true_of;
};

auto read_condition(Lowering& lowering, Reals const& reals) -> Condition {
  std::vector<bool> true_of(kBytes);
  if (reals.sources.size() == 1) {
    for (size_t byte = 0; byte < kBytes; ++byte) true_of[byte] = reals.results[byte] != 0;
    return {reals.sources[0], std::move(true_of)};
  }
  auto const table = add_table(lowering, true, [&](size_t a, size_t b) {
    return reals.results[a * kBytes + b] != 0 ? 1 : 0;
  });
  proto::TensorSpec made{.name = "condition", .shape = lowering.input_shape(0), .scales = {}};
  true_of[1] = true;
  auto const value = lowering.add(
      {proto::Opcode::pair_lookup, {reals.sources[0], reals.sources[1], table}, {}, {}},
      std::move(made));
  return {value, std::move(true_of)};
}

/// `side` where the condition is `when`, else the lowest value.
auto add_side(Lowering& lowering, Condition const& condition, Bytewise const& side, bool when,
              proto::TensorSpec made) -> uint32_t {
  auto const chosen = [&](size_t truth, int32_t value) {
    return condition.true_of[truth] == when ? value : kLowest;
  };
  if (side.is_number()) {
    made.shape = lowering.spec(condition.value).shape;
    auto const table = add_table(lowering, false,
                                 [&](size_t truth, size_t) { return chosen(truth, side.number); });
    return lowering.add({proto::Opcode::lookup, {condition.value, table}, {}, {}}, std::move(made));
  }
  auto const table = add_table(
      lowering, true, [&](size_t truth, size_t byte) { return chosen(truth, signed_byte(byte)); });
  return lowering.add({proto::Opcode::pair_lookup, {condition.value, side.value, table}, {}, {}},
                      std::move(made));
}

}  // namespace

auto lower_comparison(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(2, 2));
  TRY(auto const* first, lowering.activation(0));
  TRY(auto const* second, lowering.activation(1));
  TRY(auto const a, read_bytes(lowering, 0));
  TRY(auto const b, read_bytes(lowering, 1));
  if (!lowering.makes_reals() || (a.is_number() && b.is_number()))
    return invalid("does not compare values");
  Steps const first_steps(*first);
  Steps const second_steps(*second);
  bool const pairs = !a.is_number() && !b.is_number() && a.value != b.value;
  Reals made;
  for (auto value : {a.value, b.value})
    if (value != kNoValue && (pairs || made.sources.empty())) made.sources.push_back(value);
  for (size_t i = 0; i < kBytes; ++i)
    for (size_t k = 0; k < (pairs ? kBytes : 1); ++k) {
      int32_t const x = a.is_number() ? a.number : signed_byte(i);
      int32_t const y = b.is_number() ? b.number : signed_byte(pairs ? k : i);
      bool const truth = holds(lowering.op().code, first_steps.of(x), second_steps.of(y));
      made.results.push_back(truth ? 1.0f : 0.0f);
    }
  return lowering.set_reals(std::move(made));
}

auto lower_select(Lowering& lowering) -> Result<> {
  TRY_VOID(lowering.check_count(3, 3));
  TRY(auto const* output, lowering.output());
  auto const* reals = lowering.reals(0);
  if (!reals) return lowering.fail(0, "is not what a comparison of int8 values gave");
  // The file's word for the shape of truth was checked by nobody.
  for (size_t i = 0; i < 3; ++i)
    if (!broadcasts(lowering.input_shape(i), output->shape))
      return lowering.fail(i, "does not broadcast to the shape of the output");
  for (auto source : reals->sources) {
    auto const& spec = lowering.spec(source);
    if (spec.type != proto::TensorType::int8 || !broadcasts(spec.shape, lowering.input_shape(0)))
      return lowering.fail(0, "depends on values that are not int8, or of another shape");
  }
  auto const truth = *reals;
  TRY(auto const yes, read_bytes(lowering, 1));
  TRY(auto const no, read_bytes(lowering, 2));
  auto const condition = read_condition(lowering, truth);
  auto const first = add_side(lowering, condition, yes, true, tensor_spec(*output));
  auto const second = add_side(lowering, condition, no, false, tensor_spec(*output));
  return lowering.finish({proto::Opcode::maximum, {first, second}, {}, {}});
}

}  // namespace godwit::compiler
