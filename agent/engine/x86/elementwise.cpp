// ADD, pools and MEAN: which steps the kernels take, and their factors as blocks.
#include "agent/engine/x86/elementwise.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/fixed_point.h"
#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kHeightAndWidth = 0b0110;
// Quotients by float32 are exact up to here: sums of int8 and half a divisor stay below 2^23.
constexpr int64_t kAveragedMax = 1 << 15;

void fill_block(Block& block, Channel const& channel, proto::Rounding rounding) {
  for (int32_t lane = 0; lane < kLanes; ++lane) set_lane(block, lane, channel, rounding);
}

void fill_scaled(Scaled& scaled, int32_t zero_point, int32_t left_shift, proto::Multiplier m,
                 proto::Rounding rounding) {
  for (int32_t value = -128; value <= 127; ++value) {
    auto const i = static_cast<uint8_t>(value);
    scaled.values[i] = scale(wrap_shift_left(value - zero_point, left_shift), m, rounding);
    for (int32_t plane = 0; plane < kPlanes; ++plane)
      scaled.planes[plane][i] =
          static_cast<uint8_t>(static_cast<uint32_t>(scaled.values[i]) >> (8 * plane));
  }
}

auto summands_of(Add const& add) -> Summands {
  Summands summands;
  for (int32_t value = -128; value <= 127; ++value) {
    summands.first[value + 128] = add.first.values[static_cast<uint8_t>(value)];
    summands.second[value + 128] = add.second.values[static_cast<uint8_t>(value)];
  }
  return summands;
}

/// The other input is read where the output has not been written yet.
auto lies_apart(Input const& in, Output const& out) -> bool {
  return in.place != out.place || in.data == out.data || in.data + in.size_bytes <= out.data ||
         out.data + out.size_bytes <= in.data;
}

}  // namespace

auto add_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::AddParams>();
  auto const& out = step.output();
  for (auto const& in : step.inputs)
    if (in.shape.elements != out.shape.elements || in.type != proto::TensorType::int8 ||
        !lies_apart(in, out))
      return false;
  int64_t const largest = INT64_C(510) << p.left_shift;
  return fits_factor(p.output, largest, step.op.rounding());
}

auto add_packed_bytes(Step const&) -> uint64_t {
  return sizeof(Add);
}

void add_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::AddParams>();
  std::memset(packed, 0, sizeof(Add));
  auto& add = *reinterpret_cast<Add*>(packed);
  auto const rounding = step.op.rounding();
  fill_scaled(add.first, step.inputs[0].zero_point, p.left_shift, p.first, rounding);
  fill_scaled(add.second, step.inputs[1].zero_point, p.left_shift, p.second, rounding);
  add.finish = {step.output().zero_point, p.clamp};
  add.linear = find_linear_sum(summands_of(add), {p.output, rounding}, add.finish);
  fill_block(add.output, {0, p.output}, rounding);
}

auto window_area(proto::PoolParams const& p, Shape const& input, int32_t y, int32_t x) -> Area {
  int32_t const top = y * p.window.stride_height - p.window.pad_top;
  int32_t const left = x * p.window.stride_width - p.window.pad_left;
  return {std::max(top, 0), std::min(top + p.filter_height, input[1]), std::max(left, 0),
          std::min(left + p.filter_width, input[2])};
}

auto average_pool_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::PoolParams>();
  return int64_t{p.filter_height} * p.filter_width <= kAveragedMax && max_pool_fits(step);
}

auto max_pool_fits(Step const& step) -> bool {
  // Windows go line by line, so that overlaps of the compiler's do no harm.
  return step.inputs[0].type == proto::TensorType::int8 &&
         (!overlaps(step) || step.output().shape[0] == 1);
}

auto mean_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::MeanParams>();
  auto const& in = step.inputs[0];
  return in.type == proto::TensorType::int8 && in.shape.rank == 4 && p.axes == kHeightAndWidth &&
         !overlaps(step) &&
         fits_factor(p.multiplier, INT64_C(255) * in.shape[1] * in.shape[2], step.op.rounding());
}

auto lookup_fits(Step const& step) -> bool {
  auto const& out = step.output();
  return out.size_bytes == step.inputs[0].size_bytes && lies_apart(step.inputs[0], out);
}

auto mean_packed_bytes(Step const&) -> uint64_t {
  return sizeof(Mean);
}

void mean_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::MeanParams>();
  auto const& in = step.inputs[0];
  std::memset(packed, 0, sizeof(Mean));
  auto& mean = *reinterpret_cast<Mean*>(packed);
  fill_block(mean.block, {-in.zero_point * in.shape[1] * in.shape[2], p.multiplier},
             step.op.rounding());
  mean.finish = {step.output().zero_point, {.low = -128, .high = 127}};
}

}  // namespace godwit::engine::x86
