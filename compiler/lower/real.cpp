#include "compiler/lower/real.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "compiler/lower/real_functions.h"

namespace godwit::compiler {

namespace {

constexpr size_t kBytes = 256;
constexpr size_t kSourcesMax = 2;

auto whole_of(proto::TensorType type, size_t byte) -> int32_t {
  auto const value = static_cast<uint8_t>(byte);
  return type == proto::TensorType::int8 ? static_cast<int8_t>(value) : value;
}

/// One input of an operator: the same number everywhere, or what depends on bytes.
struct Operand {
  float number = 0;
  Reals const* reals = nullptr;
};

auto read_operand(Lowering const& lowering, size_t i) -> std::optional<Operand> {
  if (auto const* reals = lowering.reals(i)) return Operand{0, reals};
  if (auto const number = lowering.same_number(i)) return Operand{*number, nullptr};
  return std::nullopt;
}

/// Where in `reals` the result for a pair of bytes lies, of which `sources` are the tensors.
auto result_of(Reals const& reals, std::vector<uint32_t> const& sources,
               std::array<size_t, kSourcesMax> const& bytes) -> float {
  size_t at = 0;
  for (auto source : reals.sources) at = at * kBytes + bytes[source == sources[0] ? 0 : 1];
  return reals.results[at];
}

auto merged_sources(std::vector<Operand> const& operands) -> std::vector<uint32_t> {
  std::vector<uint32_t> sources;
  for (auto const& operand : operands) {
    if (!operand.reals) continue;
    for (auto source : operand.reals->sources)
      if (std::find(sources.begin(), sources.end(), source) == sources.end())
        sources.push_back(source);
  }
  return sources;
}

auto evaluate(RealOperator const& op, std::vector<Operand> const& operands,
              std::vector<uint32_t> sources, RealClamp const& clamp) -> Reals {
  Reals made{std::move(sources), {}};
  bool const pairs = made.sources.size() == kSourcesMax;
  size_t const count = pairs ? kBytes * kBytes : kBytes;
  for (size_t at = 0; at < count; ++at) {
    std::array<size_t, kSourcesMax> const bytes =
        pairs ? std::array{at / kBytes, at % kBytes} : std::array{at, size_t{0}};
    RealInputs numbers{};
    for (size_t i = 0; i < operands.size(); ++i)
      numbers[i] = operands[i].reals ? result_of(*operands[i].reals, made.sources, bytes)
                                     : operands[i].number;
    made.results.push_back(std::min(std::max(op.function(numbers), clamp.low), clamp.high));
  }
  return made;
}

auto fused_clamp(Lowering const& lowering, RealOperator const& op) -> Result<RealClamp> {
  RealClamp open;
  if (!op.activates) return open;
  TRY(auto const activation, lowering.activation_option(0));
  switch (activation) {
    case Activation::relu:
      return RealClamp{0, open.high};
    case Activation::relu_n1_to_1:
      return RealClamp{-1, 1};
    case Activation::relu6:
      return RealClamp{0, 6};
    default:
      return open;
  }
}

/// As QUANTIZE rounds: halves away from zero; what is no number becomes the lowest value.
auto quantised(float real, TfliteTensor const& to) -> int32_t {
  constexpr float kFar = 1 << 22;
  auto const range = whole_range(to.type);
  float const steps = std::round(real / to.scales[0]);
  if (!(steps > -kFar)) return range.low;
  return std::clamp(static_cast<int32_t>(std::min(steps, kFar)) + zero_point(to), range.low,
                    range.high);
}

auto same_size(std::vector<uint32_t> const& a, std::vector<uint32_t> const& b) -> bool {
  auto const elements = [](std::vector<uint32_t> const& shape) {
    uint64_t count = 1;
    for (auto extent : shape) count *= extent;  // bounded when the file was read
    return count;
  };
  return elements(a) == elements(b);
}

auto quantise_reals(Lowering& lowering) -> Result<bool> {
  auto const* reals = lowering.reals(0);
  if (!reals) return false;
  TRY(auto const* output,
      lowering.output(0, {TfliteType::int8, TfliteType::uint8, TfliteType::int16}));
  bool const pairs = reals->sources.size() == kSourcesMax;
  auto inputs = reals->sources;
  for (auto source : inputs) {
    auto const& spec = lowering.spec(source);
    bool const fits = spec.type == proto::TensorType::int8 && output->type == TfliteType::int8 &&
                      broadcasts(spec.shape, output->shape);
    if (!pairs && !same_size(spec.shape, output->shape))
      return lowering.fail(0, "has another number of elements than the output");
    if (pairs && !fits)
      return lowering.fail(0,
                           "depends on pairs of values that are not int8, or whose shapes do "
                           "not broadcast: requantise both tensors to int8 first");
  }
  Writer table;
  for (float real : reals->results) {
    auto const whole = static_cast<uint16_t>(quantised(real, *output));
    if (output->type == TfliteType::int16)
      table.u16(whole);
    else
      table.u8(static_cast<uint8_t>(whole));
  }
  inputs.push_back(lowering.add_constant({.name = output->name + ":table",
                                          .type = tensor_spec(*output).type,
                                          .shape = {static_cast<uint32_t>(reals->results.size())},
                                          .scales = {},
                                          .data = std::move(table).take()}));
  TRY_VOID(lowering.finish(
      {pairs ? proto::Opcode::pair_lookup : proto::Opcode::lookup, std::move(inputs), {}, {}}));
  return true;
}

/// `x if x > 0 else alpha * x`: alpha is an option, here an operand.
constexpr RealOperator kLeakyRelu{
    TfliteCode::leaky_relu, 2, [](RealInputs const& x) { return x[0] > 0 ? x[0] : x[0] * x[1]; }};
/// Truth that becomes a number.
constexpr RealOperator kCast{TfliteCode::cast, 1, [](RealInputs const& x) { return x[0]; }};

auto find_operator(TfliteCode code) -> RealOperator const* {
  if (code == TfliteCode::leaky_relu) return &kLeakyRelu;
  if (code == TfliteCode::cast) return &kCast;
  return find_real_operator(code);
}

}  // namespace

auto computes_reals(TfliteCode code) -> bool {
  return find_operator(code) != nullptr;
}

auto lower_real_values(Lowering& lowering) -> Result<bool> {
  auto const code = lowering.op().code;
  if (code == TfliteCode::quantize) return quantise_reals(lowering);
  auto const* const op = find_operator(code);
  if (!op || !lowering.makes_reals()) return false;
  std::vector<Operand> operands;
  for (size_t i = 0; i < op->inputs; ++i) {
    auto operand = read_operand(lowering, i);
    if (!operand && i == 1 && code == TfliteCode::leaky_relu) {
      TRY(auto const alpha, lowering.option_float(0, 0.0f));
      operand = Operand{alpha, nullptr};
    }
    if (!operand) return false;
    operands.push_back(*operand);
  }
  auto sources = merged_sources(operands);
  if (sources.empty() || sources.size() > kSourcesMax) return false;
  TRY(auto const clamp, fused_clamp(lowering, *op));
  TRY_VOID(lowering.set_reals(evaluate(*op, operands, std::move(sources), clamp)));
  return true;
}

auto begin_reals(Lowering& lowering) -> Result<> {
  auto const value = lowering.input_value(0);
  if (value >= kConstantBase) return {};
  auto const& source = lowering.spec(value);
  if (proto::element_bytes(source.type) != 1 || source.scales.size() != 1) return {};
  Reals reals{{value}, {}};
  auto const scale = static_cast<double>(source.scales[0]);
  for (size_t byte = 0; byte < kBytes; ++byte)
    reals.results.push_back(
        static_cast<float>(scale * (whole_of(source.type, byte) - source.zero_point)));
  return lowering.set_reals(std::move(reals));
}

auto real_value(Lowering& lowering, Reals const& reals, TfliteTensor const& tensor)
    -> Result<uint32_t> {
  if (reals.sources.size() != 1)
    return invalid("tensor '" + tensor.name +
                   "' is float32 of pairs of bytes, which only QUANTIZE to int8 may read");
  auto const& source = lowering.spec(reals.sources[0]);
  auto made = tensor_spec(tensor);
  made.type = proto::TensorType::float32;
  uint64_t elements = 1;
  for (auto extent : source.shape) elements *= extent;
  if (elements != tensor.elements)
    return invalid("tensor '" + tensor.name + "' is float32 that was broadcast");
  Writer table;
  for (float real : reals.results) table.u32(std::bit_cast<uint32_t>(real));
  auto const values = lowering.add_constant({.name = tensor.name + ":table",
                                             .type = proto::TensorType::float32,
                                             .shape = {kBytes},
                                             .scales = {},
                                             .data = std::move(table).take()});
  return lowering.add({proto::Opcode::lookup, {reals.sources[0], values}, {}, {}}, std::move(made));
}

}  // namespace godwit::compiler
