#include "agent/engine/x86/lstm.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/sigmoid.h"

namespace godwit::engine::x86 {

namespace {

constexpr auto kRounding = proto::Rounding::twice;

constexpr int32_t kProductMax = 1 << 30;  // of two values of sixteen bits

/// One of the two matrices: which values it multiplies, by what its sums are scaled.
struct Part {
  Input const& weights;
  Input const& values;
  Input const* bias;
  std::array<proto::Multiplier, kGates> const& multipliers;
  int32_t depth, units;

  auto channels() const -> int32_t { return (units + kLanes - 1) / kLanes * kLanes * kGates; }
  auto runs() const -> Runs { return {1, depth, depth, 1}; }
  auto bytes() const -> uint64_t { return matrix_bytes(channels(), runs()); }

  auto channel(int32_t gate, int32_t unit) const -> Channel {
    auto const row = static_cast<size_t>(gate * units + unit);
    return {bias ? bias->constant<int32_t>(row) : 0, multipliers[static_cast<size_t>(gate)]};
  }
};

auto input_part(Step const& step, proto::LstmParams const& p) -> Part {
  return {step.inputs[1], step.inputs[0],          &step.inputs[3],
          p.input,        step.inputs[0].shape[2], step.output().shape[2]};
}

auto recurrent_part(Step const& step, proto::LstmParams const& p) -> Part {
  return {step.inputs[2], step.inputs[4],         nullptr,
          p.recurrent,    step.output().shape[2], step.output().shape[2]};
}

auto fits_part(Part const& part) -> bool {
  int64_t const products = int64_t{part.depth} * 255 * 128;
  for (int32_t gate = 0; gate < kGates; ++gate)
    for (int32_t unit = 0; unit < part.units; ++unit)
      if (auto const c = part.channel(gate, unit);
          !fits_factor(c.multiplier, std::abs(int64_t{c.bias}) + products, kRounding))
        return false;
  return true;
}

void pack_part(Part const& part, uint8_t* packed) {
  auto& matrix = begin_matrix(part.channels(), part.runs(), packed);
  matrix.width = kGates;
  auto* const offsets = const_cast<int32_t*>(matrix.offsets());
  for (int32_t s = 0; s < matrix.steps; ++s) offsets[s] = s * kDepth;
  for (int32_t b = 0; b < matrix.blocks; ++b) {
    int32_t const gate = b % kGates;
    int32_t const first = b / kGates * kLanes;
    auto& block = const_cast<Block&>(*matrix.block(b));
    auto* const weights = const_cast<int8_t*>(matrix.weights(b - gate)) + gate * kLanes * kDepth;
    for (int32_t lane = 0; lane < kLanes; ++lane) {
      if (first + lane >= part.units) {
        set_lane(block, lane, {0, {.value = 0, .shift = -1}}, kRounding);
        continue;
      }
      auto const* row =
          part.weights.int8() + (ptrdiff_t{gate} * part.units + first + lane) * part.depth;
      uint32_t sum = 0;
      for (int32_t k = 0; k < part.depth; ++k) {
        weights[k / kDepth * kGates * kLanes * kDepth + lane * kDepth + k % kDepth] = row[k];
        sum += static_cast<uint32_t>(row[k]);
      }
      auto channel = part.channel(gate, first + lane);
      channel.bias =
          static_cast<int32_t>(static_cast<uint32_t>(channel.bias) -
                               sum * static_cast<uint32_t>(kOffset + part.values.zero_point));
      set_lane(block, lane, channel, kRounding);
    }
  }
}

void fill_curve(Curve& curve, uint32_t beyond) {
  for (size_t i = 0; i < 255; ++i)
    curve.steps[i] =
        kSigmoidTable[i] | static_cast<uint32_t>(kSigmoidTable[i + 1] - kSigmoidTable[i]) << 16;
  curve.steps[255] = beyond;
}

void fill_block(Block& block, proto::Multiplier multiplier) {
  for (int32_t lane = 0; lane < kLanes; ++lane) set_lane(block, lane, {0, multiplier}, kRounding);
}

auto copied_row_bytes(int32_t depth) -> uint64_t {
  return static_cast<uint64_t>((depth + kDepth - 1) / kDepth * kDepth);
}

}  // namespace

auto lstm_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& out = step.output();
  auto const& in = step.inputs[0];
  bool const apart = in.place != out.place || in.data + in.size_bytes <= out.data ||
                     out.data + out.size_bytes <= in.data;
  return apart && step.op.rounding() == kRounding && fits_part(input_part(step, p)) &&
         fits_part(recurrent_part(step, p)) && fits_factor(p.forget, kProductMax, kRounding) &&
         fits_factor(p.update, kProductMax, kRounding) &&
         fits_factor(p.output, kProductMax, kRounding);
}

auto lstm_packed_bytes(Step const& step) -> uint64_t {
  auto const p = step.op.params<proto::LstmParams>();
  return sizeof(Lstm) + input_part(step, p).bytes() + recurrent_part(step, p).bytes();
}

void lstm_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const input = input_part(step, p);
  std::memset(packed, 0, sizeof(Lstm));
  auto& lstm = *reinterpret_cast<Lstm*>(packed);
  lstm.depth = input.depth;
  lstm.units = input.units;
  lstm.groups = input.channels() / kLanes / kGates;
  lstm.input_at = sizeof(Lstm);
  lstm.recurrent_at = static_cast<uint32_t>(sizeof(Lstm) + input.bytes());
  fill_curve(lstm.sigmoid, 0xfffe);  // 1, nearly, in the units of either
  fill_curve(lstm.tanh, 0xffff);
  fill_block(lstm.forget, p.forget);
  fill_block(lstm.update, p.update);
  fill_block(lstm.output, p.output);
  pack_part(input, packed + lstm.input_at);
  pack_part(recurrent_part(step, p), packed + lstm.recurrent_at);
}

auto lstm_scratch_bytes(Step const& step) -> uint64_t {
  auto const p = step.op.params<proto::LstmParams>();
  auto const input = input_part(step, p);
  auto const gates = static_cast<uint64_t>(kTimesTogether * input.channels()) * sizeof(int16_t);
  return kSumsBytes + gates + kTimesTogether * copied_row_bytes(input.depth) +
         copied_row_bytes(input.units) + 2 * kMemoryAlignment;
}

}  // namespace godwit::engine::x86
