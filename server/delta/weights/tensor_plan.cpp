#include "server/delta/weights/tensor_plan.h"

#include <algorithm>
#include <cmath>

#include "server/delta/weights/element_value.h"
#include "server/delta/weights/fourier.h"
#include "server/delta/weights/peaks.h"
#include "server/delta/weights/row_factors.h"
#include "server/delta/weights/row_ratios.h"
#include "server/delta/weights/tabled_encoder.h"
#include "server/delta/weights/tensor_numbers.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// Below this many elements a row's factor costs more than it can save.
constexpr uint32_t kScaledColsMin = 8;
/// From this size on int8 is coded by tables, also where the device could do more: a per cent or
/// two larger, in a fifth of the time.
constexpr uint32_t kTabledBytesMin = 256u << 10;
/// Numbers of 16 and 32 bits already from here on: a per cent larger at most.
constexpr uint32_t kTabledBytesMinNumbers = 32u << 10;
/// Smaller tensors of int8 are tabled where learning gains less than that, and larger ones of
/// numbers that come down to so few bits each.
constexpr double kLearningGainMin = 0.003;
constexpr double kLearningGainMinNumbers = 0.01;
constexpr double kFewBits = 4;
/// Of what there is no old file for, nothing: in all of a tensor it gains more than in a sample.
constexpr double kLearningGainMinFull = -0.002;
constexpr uint32_t kSettledCodes = 16u << 10;
constexpr uint32_t kSettledNumbers = 24u << 10;
/// Up to this size of the new file each way is tried as it would be coded: time does not matter.
constexpr uint64_t kSmallFileBytes = 1u << 20;
/// What is tried by tables need not be cheapest when learnt: within this it is tried again.
constexpr double kCloseCall = 1.1;
/// Floats are tried with factors of rows and products at once where the factors save so much.
constexpr double kScaledFirst = 0.985;

/// By tables, of numbers the finer ones; or by what learns.
void set_tabled(weights::Segment& segment, bool tabled) {
  segment.tabled = tabled;
  if (!segment.has_codes()) segment.wide = tabled;
}

void keep_cheaper(TensorPlan& best, double& best_cost, TensorPlan other, double other_cost) {
  if (other_cost >= best_cost) return;
  best_cost = other_cost;
  best = std::move(other);
}

}  // namespace

TensorPlanner::TensorPlanner(ByteView old_file, ByteView new_file, proto::Profile profile,
                             Pages& pages)
    : old_(old_file),
      new_(new_file),
      profile_(profile),
      pages_(pages),
      by_tables_(profile == proto::Profile::weights_large && new_file.size() > kSmallFileBytes),
      trial_(old_file, new_file) {}

auto TensorPlanner::plan(TensorPair const& pair) -> TensorPlan {
  TensorPlan best = plan_tensor(pair);
  if (!best.copy && profile_ != proto::Profile::weights_fast) {
    TensorPlan waves{.pair = pair};
    waves.waves = find_waves(new_, pair.to, waves.segment, pages_);
    if (!waves.waves.empty()) return waves;
  }
  if (best.copy || !has_few_values(new_, pair.to)) return best;
  // Numbers out of a small codebook say little, however many bits each has.
  double best_cost = trial_.cost(best);
  try_codes(best, best_cost);
  if (best.codebook.empty()) try_as_bytes(best, best_cost);
  return best;
}

void TensorPlanner::try_codes(TensorPlan& best, double& best_cost) {
  TensorPair const pair = best.pair;
  TensorPlan codes{.pair = pair};
  codes.segment = {.kind = weights::SegmentKind::tensor,
                   .bytes = best.segment.bytes,
                   .element = best.segment.element,
                   .rows = pair.to.rows,
                   .cols = pair.to.cols,
                   .further = true};
  codes.codebook = codebook_of(new_, pair.to, pages_);
  if (codes.codebook.empty()) return;
  codes.segment.codebook = static_cast<uint32_t>(codes.codebook.size());
  auto const try_both = [&](TensorPlan const& plan) {
    for (bool const tabled : {true, false}) {
      if (profile_ == (tabled ? proto::Profile::weights_small : proto::Profile::weights_fast))
        continue;
      TensorPlan other = plan;
      other.segment.tabled = tabled;
      double const other_cost = trial_.cost(other);
      keep_cheaper(best, best_cost, std::move(other), other_cost);
    }
  };
  TensorPlan alone = codes;
  alone.segment.wide = true;
  try_both(alone);
  if (!pair.from) return;
  codes.segment.from_old = true;
  codes.segment.old_offset = pair.from->offset;
  try_both(codes);
}

void TensorPlanner::try_as_bytes(TensorPlan& best, double& best_cost) {
  TensorPlan bytes = best;
  bytes.bytes = true;
  TensorPlan alone = bytes;
  double const bytes_costs = trial_.bytes_cost(bytes, profile_ == proto::Profile::weights_fast);
  keep_cheaper(best, best_cost, std::move(bytes), bytes_costs);
  if (!alone.pair.from) return;
  alone.pair.from.reset();
  double const alone_cost = trial_.bytes_cost(alone, profile_ == proto::Profile::weights_fast);
  keep_cheaper(best, best_cost, std::move(alone), alone_cost);
}

auto TensorPlanner::plan_tensor(TensorPair const& pair) -> TensorPlan {
  TensorSpan const& to = pair.to;
  TensorPlan best{.pair = pair};
  best.segment = {.kind = weights::SegmentKind::tensor,
                  .bytes = static_cast<uint32_t>(size_bytes(to)),
                  .element = element_of(to.type),
                  .rows = to.rows,
                  .cols = to.cols};
  bool const narrow = weights::is_narrow(best.segment.element);
  set_tabled(best.segment, is_tabled(best.segment));
  best.segment.trailing = trailing_zeros(new_, to, pages_);
  best.segment.further = best.segment.trailing > 0;
  TensorPlan alone = best_alone(best);
  if (!pair.from) {
    double cost = 0;
    return by_tables_ ? settled(alone, cost) : alone;
  }
  auto const bytes = static_cast<size_t>(size_bytes(to));
  if (pages_.same(old_.subspan(pair.from->offset, bytes), new_.subspan(to.offset, bytes))) {
    best.copy = true;
    return best;
  }
  best.segment.from_old = true;
  best.segment.old_offset = pair.from->offset;
  double best_cost = trial_.cost(best);
  double const plain_cost = best_cost;
  TensorPlan const plain = best;
  bool const integer = to.type == ElementType::int16 || to.type == ElementType::int32;
  TensorPlan base = best;
  if (to.cols >= kScaledColsMin && !integer) {
    TensorPlan scaled = best;
    scaled.segment.scaled = true;
    scaled.ratios = fitted_ratios(old_, new_, pair, pages_);
    double const scaled_cost = trial_.cost(scaled);
    // Factors of rows pay where products of factors follow, even when they hardly do by themselves.
    if (scaled_cost < best_cost * 1.03) base = scaled;
    keep_cheaper(best, best_cost, std::move(scaled), scaled_cost);
    if (pair.from->scales && to.scales && narrow) {
      scaled = best;
      scaled.segment.scaled = true;
      scaled.ratios = file_ratios(old_, new_, pair);
      double const file_cost = trial_.cost(scaled);
      if (file_cost < best_cost * 1.03) base = scaled;
      keep_cheaper(best, best_cost, std::move(scaled), file_cost);
    }
  }
  if (narrow) {
    try_ranked(best, best_cost, base);
  } else if (!integer) {
    // What factors of rows leave is of full rank: both where they pay, else the products alone.
    bool const scaled = best.segment.scaled && best_cost < kScaledFirst * plain_cost;
    try_ranked(best, best_cost, scaled ? base : plain);
  }
  if (narrow) {
    TensorPlan wide = best;
    wide.segment.wide = true;
    double const wide_cost = trial_.cost(wide);
    keep_cheaper(best, best_cost, std::move(wide), wide_cost / 0.99);
  }
  if (alone.segment.halves) try_halves(best, best_cost, alone);
  // Even when little moved: sparse weights are small alone.
  double alone_cost = trial_.cost(alone);
  if (by_tables_) {
    bool const close = narrow && alone_cost < best_cost * kCloseCall;
    if (!narrow && alone_cost < best_cost) best = alone;
    best = settled(best, best_cost);
    if (!close) return best;
    alone = settled(alone, alone_cost);
  }
  return alone_cost < best_cost ? alone : best;
}

/// By tables or learning, whichever is to be coded; `cost` becomes that of it.
auto TensorPlanner::settled(TensorPlan const& plan, double& cost) -> TensorPlan {
  weights::Segment const& segment = plan.segment;
  bool const narrow = weights::is_narrow(segment.element);
  bool const large = segment.bytes >= (narrow ? kTabledBytesMin : kTabledBytesMinNumbers);
  bool const few_bits = !narrow && cost > 0 && cost * 8 < kFewBits * segment.rows * segment.cols;
  // Without an old file nothing is searched either, and there is time for both.
  bool const full = old_.empty() && !narrow;
  if (large && !few_bits && !full) return plan;
  TensorPlan learning = plan;
  set_tabled(learning.segment, false);
  if (!narrow && !large) return learning;
  if (narrow && !segment.from_old)
    if (auto const ways = likely_peaks(new_, plan.pair.to); !ways.empty())
      learning.segment = by_peaks(learning.segment, ways.back());
  // Both by the same sample; what learns needs more of it to come near what it is in a whole block.
  uint32_t const elements = narrow ? kSettledCodes : kSettledNumbers;
  double const learning_cost = trial_.cost(learning, elements);
  double const tabled_cost = trial_.cost(plan, elements);
  double const gain_min = narrow ? kLearningGainMin
                          : full ? kLearningGainMinFull
                                 : kLearningGainMinNumbers;
  bool const tabled = tabled_cost * (1 - gain_min) <= learning_cost;
  cost = tabled ? tabled_cost : learning_cost;
  return tabled ? plan : learning;
}

auto TensorPlanner::best_alone(TensorPlan plan) -> TensorPlan {
  ElementType const type = plan.pair.to.type;
  if (weights::is_narrow(plan.segment.element)) plan.segment.wide = type != ElementType::int4;
  plan.segment.further = plan.segment.trailing > 0 || is_float(type);
  if (auto factors = row_factors(new_, plan.pair.to, pages_); !factors.rows.empty()) {
    plan.segment.halves = true;
    plan.segment.trailing = factors.trailing;
    plan.factors = std::move(factors.rows);
  }
  if (by_tables_ || plan.segment.tabled) return plan;
  auto const ways = likely_peaks(new_, plan.pair.to);
  double best_cost = ways.empty() ? 0 : trial_.cost(plan);
  TensorPlan best = plan;
  for (weights::Peaks const peaks : ways) {
    TensorPlan other = plan;
    other.segment = by_peaks(plan.segment, peaks);
    double const other_cost = trial_.cost(other);
    keep_cheaper(best, best_cost, std::move(other), other_cost);
  }
  return best;
}

auto TensorPlanner::is_tabled(weights::Segment const& segment) const -> bool {
  if (profile_ == proto::Profile::weights_fast || by_tables_) return true;
  return profile_ == proto::Profile::weights_large && weights::is_narrow(segment.element) &&
         segment.bytes >= kTabledBytesMin;
}

void TensorPlanner::try_halves(TensorPlan& best, double& best_cost, TensorPlan halves) {
  halves.segment.from_old = true;
  halves.segment.old_offset = halves.pair.from->offset;
  add_old_factors(old_, new_, halves.pair, halves.factors, pages_);
  double const cost = trial_.cost(halves);
  keep_cheaper(best, best_cost, std::move(halves), cost);
}

void TensorPlanner::try_ranked(TensorPlan& best, double& best_cost, TensorPlan const& base) {
  TensorSpan const& to = base.pair.to;
  TensorSpan const& from = *base.pair.from;
  std::vector<float> old_row(to.cols);
  bool const narrow = weights::is_narrow(base.segment.element);
  int32_t const unit = narrow ? 0 : last_place(to);
  float const by = std::ldexp(1.0f, -unit);
  Matrix const matrix{
      .rows = to.rows, .cols = to.cols, .row = [&](uint32_t row, std::span<float> out) {
        read_values(from.type, row_of(old_, from, row), old_row);
        read_values(to.type, row_of(new_, to, row), out);
        float const ratio = base.segment.scaled ? static_cast<float>(base.ratios[row]) /
                                                      static_cast<float>(weights::kRatioOne)
                                                : 1.0f;
        for (size_t j = 0; j < out.size(); ++j) out[j] = (out[j] - old_row[j] * ratio) * by;
        pages_.read(2 * size_bytes(to) / to.rows);
      }};
  TensorPlan ranked = base;
  RankLimits limits{.rank_max = rank_max(to)};
  if (!narrow)
    limits = {.rank_max = limits.rank_max,
              .noise = 1.0 / 12,
              .fraction_min = -40,
              .fraction_max = 40,
              .refine = true};
  ranked.move = find_ranked_move(matrix, limits);
  if (ranked.move.rank == 0) return;
  if (!narrow)
    ranked.move.fraction_bits =
        static_cast<uint32_t>(std::clamp(ranked.move.fraction - unit, 0, 255));
  ranked.segment.ranked = true;
  double const ranked_cost = trial_.cost(ranked);
  keep_cheaper(best, best_cost, std::move(ranked), ranked_cost);
}

auto TensorPlanner::last_place(TensorSpan const& tensor) const -> int32_t {
  std::vector<float> row(tensor.cols);
  double squares = 0;
  uint32_t const step = std::max(tensor.rows / 64, 1u);
  uint32_t rows = 0;
  for (uint32_t i = 0; i < tensor.rows; i += step, ++rows) {
    read_values(tensor.type, row_of(new_, tensor, i), row);
    for (float const value : row) squares += double{value} * value;
  }
  double const typical = std::sqrt(squares / static_cast<double>(uint64_t{tensor.cols} * rows));
  auto const mantissa_bits =
      static_cast<int32_t>(weights::form_of(element_of(tensor.type)).mantissa_bits);
  return typical > 0 ? std::ilogb(typical) - 1 - mantissa_bits : -mantissa_bits;
}

auto TensorPlanner::rank_max(TensorSpan const& tensor) const -> uint32_t {
  if (tensor.cols > weights::kColumnsMax || tensor.rows < 8) return 0;
  size_t const arena = profile_ == proto::Profile::weights_large ? weights::kLargeArenaBytes
                                                                 : weights::kSmallArenaBytes;
  // What is read before the columns' statistics takes their room: the models of tables.
  size_t const shared = std::max(tensor.cols * sizeof(weights::Column),
                                 weights::kShareModels * sizeof(weights::ShareModel));
  size_t const fixed = shared + sizeof(weights::EntryModel) + 64;
  if (arena <= fixed) return 0;
  size_t const each = tensor.cols + sizeof(weights::EntryModel) + sizeof(uint32_t);
  return static_cast<uint32_t>(std::min<size_t>((arena - fixed) / each, weights::kRankMax));
}

}  // namespace godwit::delta
