#include "server/delta/weights/tensor_plan.h"

#include <cmath>

#include "server/delta/weights/element_value.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// Trials look at this many elements of a tensor, in groups of neighbouring rows.
constexpr uint32_t kTrialElements = 32u << 10;
constexpr uint32_t kTrialGroups = 4;
/// Below this many elements a row's factor costs more than it can save.
constexpr uint32_t kScaledColsMin = 8;

auto element_of(ElementType type) -> weights::Element {
  switch (type) {
    case ElementType::int8:
      return weights::Element::int8;
    case ElementType::uint8:
      return weights::Element::uint8;
    case ElementType::int4:
      return weights::Element::int4;
    case ElementType::int16:
      return weights::Element::int16;
    case ElementType::int32:
      return weights::Element::int32;
    case ElementType::fp16:
      return weights::Element::fp16;
    case ElementType::bf16:
      return weights::Element::bf16;
    case ElementType::fp32:
      return weights::Element::fp32;
  }
  return weights::Element::int8;
}

auto row_of(ByteView file, TensorSpan const& tensor, uint32_t row) -> ByteView {
  auto const bytes = static_cast<size_t>(size_bytes(tensor) / tensor.rows);
  return file.subspan(static_cast<size_t>(tensor.offset) + row * bytes, bytes);
}

auto scale(ByteView file, ScaleSpan const& scales, uint32_t row) -> float {
  uint64_t const at = scales.offset + (scales.count > 1 ? uint64_t{4} * row : 0);
  return std::bit_cast<float>(weights::load(file.subspan(static_cast<size_t>(at), 4)));
}

auto to_ratio(double ratio) -> int32_t {
  double const scaled = ratio * weights::kRatioOne;
  return scaled > 0 && scaled < weights::kRatioMax ? static_cast<int32_t>(std::lround(scaled))
                                                   : weights::kRatioOne;
}

}  // namespace

struct TensorPlanner::Trial {
  weights::Models<true> models;
};

TensorPlanner::TensorPlanner(ByteView old_file, ByteView new_file, proto::Profile profile)
    : old_(old_file), new_(new_file), profile_(profile), trial_(std::make_unique<Trial>()) {}
TensorPlanner::~TensorPlanner() = default;

auto TensorPlanner::plan(TensorPair const& pair) -> TensorPlan {
  TensorSpan const& to = pair.to;
  TensorPlan best{.pair = pair};
  best.segment = {.kind = weights::SegmentKind::tensor,
                  .bytes = static_cast<uint32_t>(size_bytes(to)),
                  .element = element_of(to.type),
                  .rows = to.rows,
                  .cols = to.cols};
  bool const narrow = weights::is_narrow(best.segment.element);
  TensorPlan alone = best;
  alone.segment.wide = narrow && to.type != ElementType::int4;
  if (!pair.from) return alone;
  auto const bytes = static_cast<size_t>(size_bytes(to));
  if (std::ranges::equal(old_.subspan(pair.from->offset, bytes), new_.subspan(to.offset, bytes))) {
    best.copy = true;
    return best;
  }
  best.segment.from_old = true;
  best.segment.old_offset = pair.from->offset;
  double best_cost = cost(best);
  bool const integer = to.type == ElementType::int16 || to.type == ElementType::int32;
  if (to.cols >= kScaledColsMin && !integer) {
    try_scaled(best, best_cost, fitted_ratios(pair));
    if (pair.from->scales && to.scales && narrow) try_scaled(best, best_cost, file_ratios(pair));
  }
  if (narrow) try_ranked(best, best_cost);
  if (narrow) {
    TensorPlan wide = best;
    wide.segment.wide = true;
    double const wide_cost = cost(wide);
    if (wide_cost < best_cost * 0.99) {
      best_cost = wide_cost;
      best = std::move(wide);
    }
  }
  // Even when little moved: sparse weights are small alone.
  return cost(alone) < best_cost ? alone : best;
}

auto TensorPlanner::cost(TensorPlan const& plan) -> double {
  TensorSpan const& to = plan.pair.to;
  uint32_t const wanted = std::max(kTrialElements / to.cols, 1u);
  uint32_t const groups = to.rows <= wanted ? 1 : std::min(kTrialGroups, wanted);
  uint32_t const rows = to.rows <= wanted ? to.rows : std::max(wanted / groups, 1u);
  CostCounter counter;
  trial_->models.reset();
  for (uint32_t group = 0; group < groups; ++group) {
    auto const first =
        static_cast<uint32_t>(uint64_t{to.rows - rows} * group / std::max(groups - 1, 1u));
    weights::Segment segment = plan.segment;
    uint32_t const row_bytes = segment.row_bytes();
    segment.rows = rows;
    segment.bytes = rows * row_bytes;
    segment.old_offset += uint64_t{first} * row_bytes;
    SegmentSide const side{.ratios = segment.scaled ? std::span(plan.ratios).subspan(first)
                                                    : std::span<int32_t const>(),
                           .move = &plan.move,
                           .first_row = first};
    code_segment(counter, trial_->models, segment, old_,
                 new_.subspan(static_cast<size_t>(to.offset) + size_t{first} * row_bytes), side);
  }
  double const part = static_cast<double>(groups) * rows / to.rows;
  double cost = counter.bytes() / part;
  if (plan.segment.ranked) {
    CostCounter factors;
    weights::EntryModel model;
    auto columns = plan.move.columns;
    for (uint32_t k = 0; k < plan.move.rank; ++k)
      weights::code_component(factors, model, std::span(columns), k, plan.move.rank);
    cost += factors.bytes() + plan.move.rank * 4 + 16;
  }
  return cost;
}

void TensorPlanner::try_scaled(TensorPlan& best, double& best_cost, std::vector<int32_t> ratios) {
  TensorPlan scaled = best;
  scaled.segment.scaled = true;
  scaled.ratios = std::move(ratios);
  double const scaled_cost = cost(scaled);
  if (scaled_cost >= best_cost) return;
  best_cost = scaled_cost;
  best = std::move(scaled);
}

void TensorPlanner::try_ranked(TensorPlan& best, double& best_cost) {
  TensorSpan const& to = best.pair.to;
  TensorSpan const& from = *best.pair.from;
  std::vector<float> old_row(to.cols);
  Matrix const matrix{
      .rows = to.rows, .cols = to.cols, .row = [&](uint32_t row, std::span<float> out) {
        read_values(from.type, row_of(old_, from, row), old_row);
        read_values(to.type, row_of(new_, to, row), out);
        float const ratio = best.segment.scaled ? static_cast<float>(best.ratios[row]) /
                                                      static_cast<float>(weights::kRatioOne)
                                                : 1.0f;
        for (size_t j = 0; j < out.size(); ++j) out[j] -= old_row[j] * ratio;
      }};
  TensorPlan ranked = best;
  ranked.move = find_ranked_move(matrix, rank_max(to));
  if (ranked.move.rank == 0) return;
  ranked.segment.ranked = true;
  double const ranked_cost = cost(ranked);
  if (ranked_cost >= best_cost) return;
  best_cost = ranked_cost;
  best = std::move(ranked);
}

auto TensorPlanner::rank_max(TensorSpan const& tensor) const -> uint32_t {
  if (tensor.cols > weights::kColumnsMax || tensor.rows < 8) return 0;
  size_t const arena = profile_ == proto::Profile::weights_small ? weights::kSmallArenaBytes
                                                                 : weights::kLargeArenaBytes;
  size_t const fixed = tensor.cols * sizeof(weights::Column) + sizeof(weights::EntryModel) + 64;
  if (arena <= fixed) return 0;
  size_t const each = tensor.cols + sizeof(weights::EntryModel) + sizeof(uint32_t);
  return static_cast<uint32_t>(std::min<size_t>((arena - fixed) / each, weights::kRankMax));
}

auto TensorPlanner::file_ratios(TensorPair const& pair) const -> std::vector<int32_t> {
  std::vector<int32_t> ratios(pair.to.rows);
  for (uint32_t row = 0; row < pair.to.rows; ++row)
    ratios[row] = to_ratio(double{scale(old_, *pair.from->scales, row)} /
                           double{scale(new_, *pair.to.scales, row)});
  return ratios;
}

auto TensorPlanner::fitted_ratios(TensorPair const& pair) const -> std::vector<int32_t> {
  std::vector<int32_t> ratios(pair.to.rows);
  std::vector<float> from(pair.to.cols);
  std::vector<float> to(pair.to.cols);
  for (uint32_t row = 0; row < pair.to.rows; ++row) {
    read_values(pair.from->type, row_of(old_, *pair.from, row), from);
    read_values(pair.to.type, row_of(new_, pair.to, row), to);
    double products = 0;
    double squares = 0;
    for (size_t j = 0; j < to.size(); ++j) {
      products += double{from[j]} * to[j];
      squares += double{from[j]} * from[j];
    }
    ratios[row] = squares > 0 ? to_ratio(products / squares) : weights::kRatioOne;
  }
  return ratios;
}

}  // namespace godwit::delta
