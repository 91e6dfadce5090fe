#include "server/delta/weights/tensor_trial.h"

#include <algorithm>

#include "server/delta/weights/tabled_encoder.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// Trials look at this many elements of a tensor, in groups of neighbouring rows: of numbers at
/// fewer, for they are larger and what is better shows sooner.
constexpr uint32_t kTrialElements = 32u << 10;
constexpr uint32_t kTrialNumbers = 12u << 10;
constexpr uint32_t kTrialGroups = 4;
struct TrialRows {
  uint32_t groups;
  uint32_t rows;  // of each
};
auto trial_rows(TensorSpan const& tensor, uint32_t elements_max) -> TrialRows {
  uint32_t const wanted = std::max(elements_max / tensor.cols, 1u);
  if (tensor.rows <= wanted) return {.groups = 1, .rows = tensor.rows};
  uint32_t const groups = std::min(kTrialGroups, wanted);
  return {.groups = groups, .rows = std::max(wanted / groups, 1u)};
}

}  // namespace

TensorTrial::TensorTrial(ByteView old_file, ByteView new_file)
    : old_(old_file),
      new_(new_file),
      memory_(std::make_unique_for_overwrite<CodingMemory<true>>()) {}

auto TensorTrial::cost(TensorPlan const& plan) -> double {
  return cost(plan, element_bits(plan.pair.to.type) > 8 ? kTrialNumbers : kTrialElements);
}

auto TensorTrial::cost(TensorPlan const& plan, uint32_t elements_max) -> double {
  double cost = 0;
  if (plan.segment.tabled) {
    TabledCounter counter;
    try_rows(counter, memory_->tabled, plan, elements_max);
    cost = counter.bytes();
  } else {
    CostCounter counter;
    memory_->learnt.begin_block(true, proto::kContainerVersion);
    try_rows(counter, memory_->learnt, plan, elements_max);
    cost = counter.bytes();
  }
  auto const trial = trial_rows(plan.pair.to, elements_max);
  cost *= static_cast<double>(plan.pair.to.rows) / (trial.groups * trial.rows);
  cost += plan.segment.codebook * weights::element_bits(plan.segment.element) / 8;
  if (plan.segment.ranked) {
    CostCounter factors;
    weights::EntryModel model;
    auto columns = plan.move.columns;
    weights::code_columns(factors, model, std::span(columns), plan.move.rank);
    cost += factors.bytes() + plan.move.rank * 4 + 16;
  }
  return cost;
}

auto TensorTrial::bytes_cost(TensorPlan const& plan, bool tabled) -> double {
  auto const scaled = [&](double cost) {
    return cost * static_cast<double>(plan.segment.bytes) /
           std::min<double>(plan.segment.bytes, kTrialElements * 4.0);
  };
  if (tabled) {
    TabledCounter counter;
    try_bytes(counter, memory_->tabled, plan);
    return scaled(counter.bytes());
  }
  CostCounter counter;
  memory_->learnt.begin_block(true, proto::kContainerVersion);
  try_bytes(counter, memory_->learnt, plan);
  return scaled(counter.bytes());
}

/// The first bytes of it.
template <typename Coder, typename Models>
void TensorTrial::try_bytes(Coder& coder, Models& models, TensorPlan const& plan) {
  uint32_t const bytes = std::min(plan.segment.bytes, kTrialElements * 4);
  bool const beside = plan.pair.from.has_value();
  weights::Step const step{.add = beside ? bytes : 0, .literal = beside ? 0 : bytes};
  weights::Segment const segment{.kind = weights::SegmentKind::bytes,
                                 .bytes = bytes,
                                 .old_offset = beside ? plan.pair.from->offset : 0};
  code_segment(coder, *memory_, models, segment, old_,
               new_.subspan(static_cast<size_t>(plan.pair.to.offset)), {.steps = {&step, 1}});
}

template <typename Coder, typename Models>
void TensorTrial::try_rows(Coder& coder, Models& models, TensorPlan const& plan,
                           uint32_t elements_max) {
  TensorSpan const& to = plan.pair.to;
  auto const [groups, rows] = trial_rows(to, elements_max);
  for (uint32_t group = 0; group < groups; ++group) {
    auto const first =
        static_cast<uint32_t>(uint64_t{to.rows - rows} * group / std::max(groups - 1, 1u));
    weights::Segment segment = plan.segment;
    uint32_t const row_bytes = segment.row_bytes();
    segment.rows = rows;
    segment.bytes = rows * row_bytes;
    segment.old_offset += uint64_t{first} * row_bytes;
    SegmentSide const side{.ratios = std::span(plan.ratios).subspan(segment.scaled ? first : 0),
                           .factors = std::span(plan.factors).subspan(segment.halves ? first : 0),
                           .move = &plan.move,
                           .first_row = first,
                           .codebook = plan.codebook};
    code_segment(coder, *memory_, models, segment, old_,
                 new_.subspan(static_cast<size_t>(to.offset) + size_t{first} * row_bytes), side);
  }
}

}  // namespace godwit::delta
