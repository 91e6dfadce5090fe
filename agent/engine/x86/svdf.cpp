#include "agent/engine/x86/svdf.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/fixed_point.h"

namespace godwit::engine::x86 {

namespace {

constexpr auto kRounding = proto::Rounding::twice;
constexpr Layout const& kLayout = kAvx2Layout;

auto round_up(uint64_t bytes) -> uint64_t {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

auto chunks_of(int32_t values) -> int32_t {
  return (values + kLanes - 1) / kLanes;
}

/// The sizes of a step, and where its packed parts are.
struct Places {
  int32_t filters, depth, units, length;
  Runs runs;
  uint64_t bias, weights, feature, end;

  explicit Places(Step const& step)
      : filters(step.inputs[1].shape[0]),
        depth(step.inputs[1].shape[1]),
        units(step.output().shape[1]),
        length(filters / units * step.inputs[2].shape[1]),
        runs{1, depth, depth, 1},
        bias(sizeof(Svdf)),
        weights(bias + of(chunks_of(units) * kLanes, sizeof(int32_t))),
        feature(weights +
                of(units, sizeof(int16_t) * kLanes) * static_cast<uint32_t>(chunks_of(length))),
        end(feature + matrix_bytes(filters, runs)) {}

 private:
  static auto of(int32_t count, uint64_t bytes) -> uint64_t {
    return round_up(static_cast<uint32_t>(count) * bytes);
  }
};

auto time_weight(Input const& time, size_t i) -> int16_t {
  return time.type == proto::TensorType::int8 ? time.int8()[i] : time.constant<int16_t>(i);
}

/// What a unit's sum may be at most.
auto largest_sum(Step const& step, Places const& places, int32_t unit) -> int64_t {
  auto const& time = step.inputs[2];
  int64_t weights = 0;
  for (int32_t i = 0; i < places.length; ++i)
    weights += std::abs(int64_t{time_weight(time, static_cast<size_t>(unit * places.length + i))});
  int64_t const farthest = time.type == proto::TensorType::int8 ? 255 : 1 << 15;
  return weights * farthest +
         std::abs(int64_t{step.inputs[3].constant<int32_t>(static_cast<size_t>(unit))});
}

void pack_features(Step const& step, Places const& places, uint8_t* packed) {
  auto& matrix = begin_matrix(places.filters, places.runs, packed);
  matrix.width = 1;
  auto* const offsets = const_cast<int32_t*>(matrix.offsets());
  for (int32_t s = 0; s < matrix.steps; ++s) offsets[s] = s * kDepth;
  for (int32_t f = 0; f < places.filters; ++f) {
    int32_t const lane = kLayout.channel(f % kLanes);  // which is its own inverse
    auto const block = f / kLanes;
    auto* const weights = const_cast<int8_t*>(matrix.weights(block));
    const_cast<Block*>(matrix.block(block))->bias[lane] =
        pack_lane(step.inputs[1].int8() + ptrdiff_t{f} * places.depth, places.depth,
                  step.inputs[0].zero_point, kLayout, lane, kLanes * kDepth, weights);
  }
}

}  // namespace

auto svdf_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::SvdfParams>();
  Places const places(step);
  auto const& state = step.inputs[4];
  if (step.op.rounding() != kRounding ||
      (state.type == proto::TensorType::int16 && state.zero_point != 0) ||
      !fits_shared(p.feature, int64_t{places.depth} * 255 * 128))
    return false;
  for (int32_t unit = 0; unit < places.units; ++unit)
    if (!fits_factor(p.output, largest_sum(step, places, unit), kRounding)) return false;
  return true;
}

auto svdf_packed_bytes(Step const& step) -> uint64_t {
  return Places(step).end;
}

void svdf_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::SvdfParams>();
  Places const places(step);
  std::memset(packed, 0, places.feature);
  auto& svdf = *reinterpret_cast<Svdf*>(packed);
  svdf.filters = places.filters;
  svdf.units = places.units;
  svdf.length = places.length;
  svdf.chunks = chunks_of(places.length);
  svdf.bias_at = static_cast<uint32_t>(places.bias);
  svdf.weights_at = static_cast<uint32_t>(places.weights);
  svdf.feature_at = static_cast<uint32_t>(places.feature);
  svdf.feature = factor_of(p.feature);
  for (int32_t lane = 0; lane < kLanes; ++lane)
    set_lane(svdf.output, lane, {0, p.output}, kRounding);
  svdf.finish = {step.output().zero_point, {.low = -128, .high = 127}};
  auto* const bias = const_cast<int32_t*>(svdf.bias());
  auto* const weights = const_cast<int16_t*>(svdf.weights());
  for (int32_t unit = 0; unit < places.units; ++unit) {
    auto const u = static_cast<size_t>(unit);
    bias[unit / kLanes * kLanes + kLayout.channel(unit % kLanes)] =
        step.inputs[3].constant<int32_t>(u);
    for (int32_t i = 0; i < places.length; ++i)
      weights[ptrdiff_t{unit} * svdf.chunks * kLanes + i] = time_weight(
          step.inputs[2], u * static_cast<size_t>(places.length) + static_cast<size_t>(i));
  }
  pack_features(step, places, packed + svdf.feature_at);
}

SvdfScratch::SvdfScratch(Step const& step) {
  Places const places(step);
  auto const words = [](int32_t count) {
    return round_up(static_cast<uint64_t>(chunks_of(count)) * kLanes * sizeof(int16_t));
  };
  row = kSumsBytes;
  newest = row + words(places.depth);
  state = newest + words(places.filters);
  end = state + words(places.units * places.length) + kLanes * sizeof(int16_t);
}

auto svdf_scratch_bytes(Step const& step) -> uint64_t {
  return round_up(SvdfScratch(step).end);
}

}  // namespace godwit::engine::x86
