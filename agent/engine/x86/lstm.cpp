#include "agent/engine/x86/lstm.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/sigmoid.h"

namespace godwit::engine::x86 {

namespace {

constexpr auto kRounding = proto::Rounding::twice;

constexpr int32_t kProductMax = 32767 * 32768;  // of two values of sixteen bits, one not the least

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
          !fits_shared(c.multiplier, std::abs(int64_t{c.bias}) + products))
        return false;
  return true;
}

void pack_part(Part const& part, Layout const& layout, uint8_t* packed) {
  auto& matrix = begin_matrix(part.channels(), part.runs(), packed);
  matrix.width = layout.tile_width;
  auto* const offsets = const_cast<int32_t*>(matrix.offsets());
  for (int32_t s = 0; s < matrix.steps; ++s) offsets[s] = s * kDepth;
  int32_t const step_bytes = matrix.width * kLanes * kDepth;
  for (int32_t b = 0; b < matrix.blocks; ++b) {
    int32_t const gate = b % kGates;
    auto& block = const_cast<Block&>(*matrix.block(b));
    int32_t const in_group = b % matrix.width;
    auto* const weights =
        const_cast<int8_t*>(matrix.weights(b - in_group)) + in_group * kLanes * kDepth;
    for (int32_t lane = 0; lane < kLanes; ++lane) {
      int32_t const unit = b / kGates * kLanes + layout.channel(lane);
      auto channel = Channel{0, {.value = 0, .shift = -1}};
      if (unit < part.units) {
        channel = part.channel(gate, unit);
        auto const* const row =
            part.weights.int8() + (ptrdiff_t{gate} * part.units + unit) * part.depth;
        int32_t const moved =
            pack_lane(row, part.depth, part.values.zero_point, layout, lane, step_bytes, weights);
        channel.bias = wrap_add(channel.bias, moved);
      }
      set_lane(block, lane, channel, kRounding);
    }
  }
}

void fill_curve(Curve& curve, bool apart) {
  for (int32_t i = 0; i < 256; ++i) {
    bool const last = i == 255;
    curve.entries[Curve::place(apart, i, false)] =
        static_cast<int16_t>((last ? 0xffff : kSigmoidTable[i]) - 0x8000);
    curve.entries[Curve::place(apart, i, true)] =
        static_cast<int16_t>(last ? 0 : kSigmoidTable[i + 1] - kSigmoidTable[i]);
  }
}

template <typename Value>
constexpr auto round_up(Value value, Value to) -> Value {
  return (value + to - 1) / to * to;
}

}  // namespace

auto lstm_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::LstmParams>();
  auto const& out = step.output();
  auto const& in = step.inputs[0];
  bool const apart = in.place != out.place || in.data + in.size_bytes <= out.data ||
                     out.data + out.size_bytes <= in.data;
  return apart && step.op.rounding() == kRounding && fits_part(input_part(step, p)) &&
         fits_part(recurrent_part(step, p)) && fits_shared(p.forget, kProductMax) &&
         fits_shared(p.update, kProductMax) && fits_shared(p.output, kProductMax);
}

auto lstm_packed_bytes(Step const& step) -> uint64_t {
  auto const p = step.op.params<proto::LstmParams>();
  return sizeof(Lstm) + input_part(step, p).bytes() + recurrent_part(step, p).bytes();
}

void lstm_pack(Step const& step, Layout const& layout, uint8_t* packed) {
  auto const p = step.op.params<proto::LstmParams>();
  auto const input = input_part(step, p);
  std::memset(packed, 0, sizeof(Lstm));
  auto& lstm = *reinterpret_cast<Lstm*>(packed);
  lstm.depth = input.depth;
  lstm.units = input.units;
  lstm.groups = input.channels() / kLanes / kGates;
  lstm.input_at = sizeof(Lstm);
  lstm.recurrent_at = static_cast<uint32_t>(sizeof(Lstm) + input.bytes());
  fill_curve(lstm.curve, !layout.half_lanes);
  for (size_t gate = 0; gate < kGates; ++gate) {
    lstm.seen[gate] = factor_of(p.input[gate]);
    lstm.remembered[gate] = factor_of(p.recurrent[gate]);
  }
  lstm.forget = factor_of(p.forget);
  lstm.update = factor_of(p.update);
  lstm.output = factor_of(p.output);
  pack_part(input, layout, packed + lstm.input_at);
  pack_part(recurrent_part(step, p), layout, packed + lstm.recurrent_at);
}

LstmScratch::LstmScratch(int32_t row_depth, int32_t row_units, int32_t value_bytes)
    : units(round_up(row_units, kTogetherMax)), depth(round_up(row_depth, kDepth)) {
  auto const wide = static_cast<uint64_t>(units);
  auto const bytes = static_cast<uint64_t>(value_bytes);
  gates = kSumsBytes;
  cell = gates + kTimesTogether * kGates * wide * sizeof(int16_t);
  made = cell + wide * sizeof(int16_t);
  hidden = made + wide;
  rows = hidden + wide * bytes;
  end = round_up(rows + kTimesTogether * static_cast<uint64_t>(depth) * bytes,
                 uint64_t{kMemoryAlignment});
}

auto lstm_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t {
  return LstmScratch(step.inputs[0].shape[2], step.output().shape[2], layout.value_bytes()).end;
}

}  // namespace godwit::engine::x86
