// Operators of values: which steps the kernels take, and their factors as blocks.
#include "agent/engine/x86/elementwise.h"

#include <algorithm>
#include <cstring>

#include "agent/engine/fixed_point.h"
#include "agent/engine/operators/broadcast.h"
#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

namespace {

// Quotients by float32 are exact up to here: sums of int8 and half a divisor stay below 2^23.
constexpr int64_t kAveragedMax = 1 << 15;
constexpr int64_t kProductMax = 255 * 255;
constexpr int32_t kMeanMax = 1 << 23;  // sums of so many fit 32 bits

void fill_block(Block& block, Channel const& channel, proto::Rounding rounding) {
  for (int32_t lane = 0; lane < kLanes; ++lane) set_lane(block, lane, channel, rounding);
}

void fill_scaled(Scaled& scaled, int32_t zero_point, int32_t left_shift, proto::Multiplier m,
                 proto::Rounding rounding, bool negative = false) {
  for (int32_t value = -128; value <= 127; ++value) {
    auto const i = static_cast<uint8_t>(value);
    int32_t const steps = scale(wrap_shift_left(value - zero_point, left_shift), m, rounding);
    scaled.values[i] = negative ? -steps : steps;
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
  bool const together = in.data == out.data && in.size_bytes == out.size_bytes;
  return in.place != out.place || together || in.data + in.size_bytes <= out.data ||
         out.data + out.size_bytes <= in.data;
}

}  // namespace

namespace {

/// How an input goes on within a run: element by element, or with one value.
struct Source {
  int8_t const* at;
  Strides strides;
  bool spread;

  Source(Input const& input, Shape const& output)
      : at(input.int8()), strides(broadcast_strides(input.shape, output)), spread(false) {}
};

void run_spread(Step const& step, Source const& a, Source const& b, int8_t* out, int32_t count,
                Run run) {
  constexpr int32_t kSpread = 256;
  if (!a.spread && !b.spread) return run(step, a.at, b.at, out, count);
  alignas(kMemoryAlignment) int8_t values[kSpread];
  std::memset(values, a.spread ? *a.at : *b.at, kSpread);
  for (int32_t i = 0; i < count; i += kSpread)
    run(step, a.spread ? values : a.at + i, b.spread ? values : b.at + i, out + i,
        std::min(kSpread, count - i));
}

auto are_bytes_apart(Step const& step) -> bool {
  for (auto const& in : step.inputs)
    if (in.type != proto::TensorType::int8 || !lies_apart(in, step.output())) return false;
  return true;
}

}  // namespace

void for_each_run(Step const& step, Run run) {
  auto const& shape = step.output().shape;
  Source a(step.inputs[0], shape);
  Source b(step.inputs[1], shape);
  // The innermost axes on which each input goes on in one way are one run.
  int32_t length = 1;
  auto axes = static_cast<size_t>(shape.rank);
  for (; axes > 0; --axes) {
    int32_t const extent = shape[axes - 1];
    if (extent == 1) continue;
    bool const spread_a = a.strides[axes - 1] == 0;
    bool const spread_b = b.strides[axes - 1] == 0;
    if (length == 1) {
      a.spread = spread_a;
      b.spread = spread_b;
    }
    if (spread_a != a.spread || spread_b != b.spread || (spread_a && spread_b)) break;
    length *= extent;
  }
  std::array<int32_t, proto::kTensorRankMax> index{};
  auto* out = step.output().int8();
  for (int32_t done = 0; done < shape.elements; done += length, out += length) {
    run_spread(step, a, b, out, length, run);
    for (auto d = axes; d-- > 0;) {
      a.at += a.strides[d];
      b.at += b.strides[d];
      if (++index[d] < shape[d]) break;
      a.at -= a.strides[d] * shape[d];
      b.at -= b.strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

auto add_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::AddParams>();
  if (!are_bytes_apart(step)) return false;
  int64_t const largest = INT64_C(510) << p.left_shift;
  return fits_factor(p.output, largest, step.op.rounding());
}

auto squared_difference_fits(Step const& step) -> bool {
  // The square wraps as it will, so that the factor must take any.
  auto const& output = step.op.params<proto::AddParams>().output;
  return are_bytes_apart(step) && fits_factor(output, INT64_C(1) << 31, step.op.rounding());
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
  fill_scaled(add.second, step.inputs[1].zero_point, p.left_shift, p.second, rounding,
              step.op.code() != proto::Opcode::add);
  add.finish = {step.output().zero_point, p.clamp};
  if (step.op.code() != proto::Opcode::squared_difference)
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

auto mean_lines(Step const& step) -> MeanLines {
  auto const axes = static_cast<uint32_t>(step.op.params<proto::MeanParams>().axes);
  auto const& in = step.inputs[0].shape;
  MeanLines lines;
  for (size_t d = 0; d < static_cast<size_t>(in.rank); ++d) {
    if (axes >> d & 1) {
      lines.together &= lines.inner == 1;
      lines.count *= in[d];
    } else {
      (axes & ((1u << d) - 1) ? lines.inner : lines.outer) *= in[d];
    }
  }
  return lines;
}

auto mean_fits(Step const& step) -> bool {
  auto const& in = step.inputs[0];
  auto const lines = mean_lines(step);
  return in.type == proto::TensorType::int8 && lines.together && !overlaps(step) &&
         lines.count <= kMeanMax &&
         fits_factor(step.op.params<proto::MeanParams>().multiplier, INT64_C(255) * lines.count,
                     step.op.rounding());
}

auto lookup_fits(Step const& step) -> bool {
  auto const& out = step.output();
  return out.size_bytes == step.inputs[0].size_bytes && lies_apart(step.inputs[0], out);
}

auto scalable_bytes(Step const&) -> uint64_t {
  return sizeof(Scalable);
}

auto mul_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::MulParams>();
  return are_bytes_apart(step) && fits_factor(p.multiplier, kProductMax, step.op.rounding());
}

auto choice_fits(Step const& step) -> bool {
  return are_bytes_apart(step);
}

auto quantize_fits(Step const& step) -> bool {
  auto const& in = step.inputs[0];
  return in.type == proto::TensorType::float32 && proto::element_bytes(step.output().type) == 1 &&
         lies_apart(in, step.output());
}

namespace {

constexpr proto::Clamp kAll{.low = -128, .high = 127};

/// The farthest that a value of an input is from its zero point.
auto farthest(Input const& input) -> int64_t {
  return std::max(127 - input.zero_point, input.zero_point + 128);
}

/// Of values that are at most `reach` from 0: by lines, if there are some.
void pack_scalable(Step const& step, proto::Multiplier multiplier, proto::Clamp clamp,
                   int64_t reach, Scalable& scalable) {
  fill_block(scalable.block, {0, multiplier}, step.op.rounding());
  scalable.finish = {step.output().zero_point, clamp};
  Reaches reaches;
  std::fill_n(reaches, kLanes, reach);
  straighten(scalable.block, reaches, scalable.finish);
}

}  // namespace

void pack_product(Step const& step, proto::Multiplier multiplier, proto::Clamp clamp, int32_t depth,
                  uint8_t* packed) {
  std::memset(packed, 0, sizeof(Scalable));
  pack_scalable(step, multiplier, clamp,
                depth * farthest(step.inputs[0]) * farthest(step.inputs[1]),
                *reinterpret_cast<Scalable*>(packed));
}

void mul_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::MulParams>();
  pack_product(step, p.multiplier, p.clamp, 1, packed);
}

auto prelu_fits(Step const& step) -> bool {
  auto const p = step.op.params<proto::PreluParams>();
  auto const rounding = step.op.rounding();
  return are_bytes_apart(step) && fits_factor(p.positive, 255, rounding) &&
         fits_factor(p.negative, kProductMax, rounding);
}

auto prelu_packed_bytes(Step const&) -> uint64_t {
  return sizeof(Prelu);
}

void prelu_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::PreluParams>();
  std::memset(packed, 0, sizeof(Prelu));
  auto& prelu = *reinterpret_cast<Prelu*>(packed);
  int64_t const values = farthest(step.inputs[0]);
  pack_scalable(step, p.positive, kAll, values, prelu.positive);
  pack_scalable(step, p.negative, kAll, values * farthest(step.inputs[1]), prelu.negative);
}

void mean_pack(Step const& step, uint8_t* packed) {
  auto const p = step.op.params<proto::MeanParams>();
  auto& mean = *reinterpret_cast<Scalable*>(packed);
  std::memset(packed, 0, sizeof(Scalable));
  fill_block(mean.block, {-step.inputs[0].zero_point * mean_lines(step).count, p.multiplier},
             step.op.rounding());
  mean.finish = {step.output().zero_point, kAll};
}

}  // namespace godwit::engine::x86
