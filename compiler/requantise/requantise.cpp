#include "compiler/requantise/requantise.h"

#include <algorithm>
#include <cmath>

namespace godwit::compiler {

namespace {

constexpr int64_t kHalfCodeMax = 7;  // of 4 bits

/// Where an operator with a matrix or filters has its operands.
struct Operands {
  size_t input, weights, bias;
  uint32_t axis;  // of the output channels in the weights
};

auto operands_of(TfliteCode code) -> std::optional<Operands> {
  switch (code) {
    case TfliteCode::conv_2d:
    case TfliteCode::fully_connected:
      return Operands{0, 1, 2, 0};
    case TfliteCode::depthwise_conv_2d:
      return Operands{0, 1, 2, 3};
    case TfliteCode::transpose_conv:
      return Operands{2, 1, 3, 0};
    default:
      return std::nullopt;
  }
}

auto named(TfliteTensor const& tensor) -> std::string {
  return "tensor '" + tensor.name + "' of the base";
}

auto doubles(std::vector<float> const& values) -> std::vector<double> {
  return {values.begin(), values.end()};
}

auto is_constant(TfliteTensor const& tensor) -> bool {
  return !tensor.data.empty() && tensor.elements > 0;
}

/// Of 4 bits, two in a byte, the first one in its lower half.
auto is_half(TfliteTensor const& tensor) -> bool {
  return tensor.type == TfliteType::int4;
}

auto is_weights(TfliteTensor const& tensor) -> bool {
  return tensor.type == TfliteType::int8 || is_half(tensor);
}

auto half_at(ByteView data, size_t i) -> int8_t {
  auto const high = static_cast<int8_t>(static_cast<uint8_t>(data[i / 2] >> (i % 2 * 4) << 4));
  return static_cast<int8_t>(high >> 4);
}

/// One code a byte to two.
auto halves(ByteView codes) -> Bytes {
  Bytes packed((codes.size() + 1) / 2);
  for (size_t i = 0; i < codes.size(); ++i)
    packed[i / 2] = static_cast<uint8_t>(packed[i / 2] | (codes[i] & 15) << (i % 2 * 4));
  return packed;
}

auto int32_at(ByteView data, size_t i) -> int32_t {
  uint32_t bits = 0;
  for (size_t k = 4; k-- > 0;) bits = bits << 8 | data[4 * i + k];
  return static_cast<int32_t>(bits);
}

}  // namespace

auto Requantiser::make(TfliteModel const& base, std::vector<FloatTensor> const& weights)
    -> Result<Requantiser> {
  Requantiser made(base);
  TRY_VOID(made.find_slots());
  TRY(auto matched, match_weights(made.deployed(), weights));
  for (size_t i = 0; i < made.slots_.size(); ++i) {
    auto& values = made.slots_[i].values;
    values = std::move(matched.values[i]);
    if (!std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); }))
      return invalid("the weights for " + named(base.tensors[made.slots_[i].tensor]) +
                     " are not all numbers");
  }
  made.unused_ = std::move(matched.unused);
  return made;
}

auto Requantiser::find_slots() -> Result<> {
  for (auto const& op : base_.operators) TRY_VOID(add_matrix(op).within(op.name));
  for (auto const& op : base_.operators)
    for (int32_t const index : op.inputs) {
      if (index < 0) continue;
      auto const& tensor = base_.tensors[static_cast<size_t>(index)];
      bool const parameters = is_constant(tensor) && !tensor.scales.empty();
      if (!parameters || slot_of(static_cast<size_t>(index))) continue;
      TRY_VOID(add_slot(static_cast<size_t>(index), doubles(tensor.scales), tensor.scale_axis));
    }
  if (slots_.empty()) return invalid("the base has no int8 weights");
  return {};
}

/// A bias has the scale of the input times that of the weights, whatever the file says.
auto Requantiser::add_matrix(TfliteOperator const& op) -> Result<> {
  auto const operands = operands_of(op.code);
  auto const tensor = [&](size_t i) -> TfliteTensor const* {
    return i < op.inputs.size() && op.inputs[i] >= 0
               ? &base_.tensors[static_cast<size_t>(op.inputs[i])]
               : nullptr;
  };
  if (!operands || !tensor(operands->input) || !tensor(operands->weights)) return {};
  auto const& input = *tensor(operands->input);
  auto const& weights = *tensor(operands->weights);
  if (!is_constant(weights)) return {};
  if (input.scales.empty() || weights.scales.empty())
    return invalid(named(weights) +
                   ", or its input, is not quantised: the base must be the int8 model");
  auto const weights_index = static_cast<size_t>(op.inputs[operands->weights]);
  if (!slot_of(weights_index)) {
    TRY_VOID(add_slot(weights_index, doubles(weights.scales), operands->axis));
    slots_.back().matrix = slots_.back().zero_point == 0;
  }
  size_t const matrix = *slot_of(weights_index);
  auto const* const bias = tensor(operands->bias);
  if (!bias || !is_constant(*bias)) return {};
  auto const bias_index = static_cast<size_t>(op.inputs[operands->bias]);
  if (auto const shared = slot_of(bias_index)) {  // by several, whose scales are then tied
    slots_[matrix].matrix = slots_[*slots_[*shared].weights].matrix = false;
    return {};
  }
  auto scales = doubles(weights.scales);
  for (double& scale : scales) scale *= static_cast<double>(input.scales[0]);
  TRY_VOID(add_slot(bias_index, std::move(scales), 0));
  slots_.back().weights = matrix;
  if (op.code != TfliteCode::transpose_conv)  // which reads its inputs unequally often
    note_reads(slots_[matrix], static_cast<size_t>(op.inputs[operands->input]), bias->elements,
               op.code == TfliteCode::depthwise_conv_2d);
  return {};
}

void Requantiser::note_reads(Slot& matrix, size_t input, size_t channels, bool depthwise) const {
  auto const& weights = base_.tensors[matrix.tensor];
  auto const& tensor = base_.tensors[input];
  size_t const period =
      depthwise ? tensor.shape.empty() ? 0 : tensor.shape.back() : weights.shape.back();
  bool const whole = period > 0 && channels > 0 && tensor.elements > 0 &&
                     tensor.elements % period == 0 && weights.elements % channels == 0 &&
                     (depthwise ? channels : weights.elements / channels) % period == 0;
  bool const twice = matrix.reads.has_value();
  matrix.reads.reset();
  if (whole && !twice && tensor.type == TfliteType::int8 && tensor.data.empty())
    matrix.reads = Reads{{input, period}, channels, depthwise};
}

auto Requantiser::add_slot(size_t index, std::vector<double> scales, uint32_t axis) -> Result<> {
  auto const& tensor = base_.tensors[index];
  if (!is_weights(tensor) && tensor.type != TfliteType::int32)
    return invalid(named(tensor) + " is " + to_string(tensor.type) +
                   ": only weights of 8 and 4 bits and int32 biases can be kept near a base; "
                   "compile without --base");
  if (std::any_of(scales.begin(), scales.end(),
                  [](double scale) { return !std::isfinite(scale) || scale <= 0; }))
    return invalid(named(tensor) + " has a scale that is not a positive number");
  Slot slot{.tensor = index, .scales = std::move(scales)};
  if (slot.scales.size() > 1) {
    if (axis >= tensor.shape.size() || tensor.shape[axis] != slot.scales.size())
      return invalid(named(tensor) + " has " + std::to_string(slot.scales.size()) +
                     " scales, which are not one for each channel");
    for (size_t d = axis + 1; d < tensor.shape.size(); ++d) slot.inner *= tensor.shape[d];
  }
  if (!tensor.zero_points.empty()) slot.zero_point = tensor.zero_points[0];
  if (is_half(tensor)) slot.code_max = kHalfCodeMax;
  slots_.push_back(std::move(slot));
  return {};
}

auto Requantiser::slot_of(size_t tensor) const -> std::optional<size_t> {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].tensor == tensor) return i;
  return std::nullopt;
}

auto Requantiser::code(Slot const& slot, size_t i) const -> int64_t {
  auto const& tensor = base_.tensors[slot.tensor];
  if (is_half(tensor)) return half_at(tensor.data, i);
  return is_weights(tensor) ? static_cast<int8_t>(tensor.data[i]) : int32_at(tensor.data, i);
}

auto Requantiser::deployed() const -> std::vector<FloatTensor> {
  std::vector<FloatTensor> network;
  for (auto const& slot : slots_) {
    auto const& tensor = base_.tensors[slot.tensor];
    FloatTensor values{.name = tensor.name, .shape = tensor.shape, .values = {}};
    for (size_t i = 0; i < tensor.elements; ++i)
      values.values.push_back(static_cast<float>(
          slot.scales[slot.channel(i)] * static_cast<double>(code(slot, i) - slot.zero_point)));
    network.push_back(std::move(values));
  }
  return network;
}

auto Requantiser::calibrate(Measure const& measure) -> Result<> {
  std::vector<MeanRequest> requests;
  for (auto const& slot : slots_)
    if (slot.reads) requests.push_back(slot.reads->mean);
  if (requests.empty()) return {};
  TRY(means_, measure(within(0.5), requests));
  return {};
}

auto Requantiser::calibrate(ByteView rows) -> Result<> {
  return calibrate([&](Requantised const& made, std::vector<MeanRequest> const& requests) {
    return measure_means(made.model, requests, rows);
  });
}

auto Requantiser::new_code(Slot const& slot, size_t i, double missing, double tau_lsb) const
    -> int64_t {
  bool const weights = is_weights(base_.tensors[slot.tensor]);
  auto const high = static_cast<double>(weights ? slot.code_max : INT32_MAX);
  double const low = slot.zero_point == 0 ? -high : -high - 1;
  double const exact =
      (static_cast<double>(slot.values[i]) + missing) / slot.scales[slot.channel(i)] +
      static_cast<double>(slot.zero_point);
  int64_t const old_code = code(slot, i);
  if (weights && std::abs(exact - static_cast<double>(old_code)) <= tau_lsb) return old_code;
  return static_cast<int64_t>(std::clamp(std::round(exact), low, high));
}

/// Of each channel that the matrix makes: what its output lacks in the mean with these codes.
auto Requantiser::missing_means(Slot const& matrix, ByteView codes) const -> std::vector<double> {
  auto const mean = matrix.reads ? means_.find(matrix.reads->mean) : means_.end();
  if (mean == means_.end()) return {};
  auto const& reads = *matrix.reads;
  size_t const inputs = reads.mean.period;
  std::vector<double> missing(reads.channels);
  for (size_t i = 0; i < codes.size(); ++i) {
    size_t const output = reads.depthwise ? i % reads.channels : i * reads.channels / codes.size();
    size_t const input = reads.depthwise ? output * inputs / reads.channels : i % inputs;
    double const meant = matrix.scales[matrix.channel(i)] *
                         static_cast<double>(static_cast<int8_t>(codes[i]) - matrix.zero_point);
    missing[output] += (static_cast<double>(matrix.values[i]) - meant) * mean->second[input];
  }
  return missing;
}

auto Requantiser::write(std::vector<Slot> const& slots, double tau_lsb) const -> Requantised {
  Requantised out{.model = base_, .data = {}};
  std::deque<Bytes> written;        // one code a byte
  for (auto const& slot : slots) {  // each matrix before its bias
    auto& tensor = out.model.tensors[slot.tensor];
    auto const missing = slot.weights ? missing_means(slots[*slot.weights], written[*slot.weights])
                                      : std::vector<double>();
    Writer bytes;
    for (size_t i = 0; i < tensor.elements; ++i) {
      int64_t const made = new_code(slot, i, missing.empty() ? 0 : missing[i], tau_lsb);
      if (!is_weights(tensor)) {
        bytes.u32(static_cast<uint32_t>(made));
        continue;
      }
      bytes.u8(static_cast<uint8_t>(made));
      ++out.codes;
      out.moved += made != code(slot, i);
      double const meant =
          slot.scales[slot.channel(i)] * static_cast<double>(made - slot.zero_point);
      out.clipped += std::abs(static_cast<double>(slot.values[i]) - meant) >
                     std::max(tau_lsb, 0.501) * slot.scales[slot.channel(i)];
    }
    written.push_back(std::move(bytes).take());
    out.data.push_back(is_half(tensor) ? halves(written.back()) : written.back());
    tensor.data = out.data.back();
  }
  return out;
}

auto Requantiser::within(double tau_lsb) const -> Requantised {
  return write(slots_, tau_lsb);
}

auto Requantiser::with_own_scales() const -> Requantised {
  auto slots = slots_;
  for (auto& matrix : slots) {
    if (!matrix.matrix) continue;
    std::vector<double> largest(matrix.scales.size(), 0);
    for (size_t i = 0; i < matrix.values.size(); ++i) {
      auto& channel = largest[matrix.channel(i)];
      channel = std::max(channel, std::abs(static_cast<double>(matrix.values[i])));
    }
    for (size_t c = 0; c < largest.size(); ++c) {
      // As a float32, which is what a file would hold. A channel of zeros keeps its scale.
      auto const own = static_cast<float>(largest[c] / static_cast<double>(matrix.code_max));
      if (own > 0) matrix.scales[c] = static_cast<double>(own);
    }
  }
  for (auto& bias : slots)
    if (bias.weights)
      for (size_t c = 0; c < bias.scales.size(); ++c)
        bias.scales[c] *= slots[*bias.weights].scales[c] / slots_[*bias.weights].scales[c];
  auto out = write(slots, 0);
  for (auto const& slot : slots) {
    auto& scales = out.model.tensors[slot.tensor].scales;
    if (slot.matrix)
      std::transform(slot.scales.begin(), slot.scales.end(), scales.begin(),
                     [](double scale) { return static_cast<float>(scale); });
  }
  return out;
}

}  // namespace godwit::compiler
