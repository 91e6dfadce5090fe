#include "compiler/memory/arena.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "proto/format/model.h"

namespace godwit::compiler {

namespace {

constexpr uint32_t kRoundsMax = 4000;
constexpr uint32_t kPlacementsMax = 400'000;  // over all rounds: bounds the time for large graphs
constexpr uint64_t kNeighboursMax = UINT64_C(8'000'000);  // likewise
constexpr uint32_t kAlignment = proto::kTensorAlignment;
constexpr uint32_t kNowhere = UINT32_MAX;

auto aligned(uint32_t size_bytes) -> uint32_t {
  return (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

auto meet(Lifetime const& a, Lifetime const& b) -> bool {
  return a.first <= b.last && b.first <= a.last;
}

/// What one value forbids another: to begin between `before` bytes below its own beginning and
/// `after` bytes above it, both excluded.
struct Neighbour {
  uint32_t value;
  uint32_t before;
  uint32_t after;
  bool same_place;
};

class Planner {
 public:
  Planner(std::vector<Lifetime> const& values, std::vector<Overlap> const& overlaps)
      : values_(values), neighbours_(values.size()) {
    auto const count = static_cast<uint32_t>(values.size());
    for (uint32_t a = 0; a < count; ++a)
      for (uint32_t b = 0; b < count; ++b)
        if (a != b && meet(values[a], values[b]))
          neighbours_[a].push_back(
              {b, aligned(values[a].size_bytes), aligned(values[b].size_bytes), false});
    for (auto const& overlap : overlaps) {
      uint32_t const distance =
          std::min(aligned(overlap.distance_bytes), aligned(values[overlap.output].size_bytes));
      auto& of_output = find(overlap.output, overlap.input);
      of_output.before = distance;
      of_output.same_place = overlap.same_place;
      auto& of_input = find(overlap.input, overlap.output);
      of_input.after = distance;
      of_input.same_place = overlap.same_place;
    }
  }

  auto best() const -> ArenaPlan {
    auto [order, plan] = best_of_sorted();
    if (values_.size() < 2) return plan;
    std::minstd_rand random(1);
    auto const count = static_cast<uint32_t>(values_.size());
    uint32_t const rounds = std::min({kRoundsMax, kPlacementsMax / count,
                                      static_cast<uint32_t>(kNeighboursMax / (1 + neighbours()))});
    for (uint32_t round = 0; round < rounds; ++round) {
      auto moved = order;
      auto const from = moved.begin() + random() % count;
      uint32_t const value = *from;
      moved.erase(from);
      moved.insert(moved.begin() + random() % count, value);
      auto tried = place(moved);
      if (tried.size_bytes > plan.size_bytes) continue;
      order = std::move(moved);
      plan = std::move(tried);
    }
    return plan;
  }

 private:
  using Order = std::vector<uint32_t>;

  auto find(uint32_t value, uint32_t other) -> Neighbour& {
    auto& all = neighbours_[value];
    auto const found =
        std::find_if(all.begin(), all.end(), [&](Neighbour const& n) { return n.value == other; });
    CHECK(found != all.end());
    return *found;
  }

  auto best_of_sorted() const -> std::pair<Order, ArenaPlan> {
    using Key = uint64_t (*)(Lifetime const&);
    constexpr Key kKeys[] = {
        [](Lifetime const& v) { return uint64_t{v.size_bytes} * (v.last - v.first + 1); },
        [](Lifetime const& v) { return uint64_t{v.size_bytes}; },
        [](Lifetime const& v) { return uint64_t{v.first}; },
        [](Lifetime const& v) { return UINT64_MAX - v.first; }};
    std::pair<Order, ArenaPlan> best;
    for (Key const key : kKeys) {
      Order order(values_.size());
      std::iota(order.begin(), order.end(), 0u);
      std::stable_sort(order.begin(), order.end(),
                       [&](uint32_t a, uint32_t b) { return key(values_[a]) > key(values_[b]); });
      auto plan = place(order);
      if (best.first.empty() || plan.size_bytes < best.second.size_bytes)
        best = {std::move(order), std::move(plan)};
    }
    return best;
  }

  auto place(Order const& order) const -> ArenaPlan {
    ArenaPlan plan{.offsets = std::vector<uint32_t>(values_.size(), kNowhere), .size_bytes = 0};
    for (uint32_t value : order) {
      uint32_t const offset = lowest(value, plan.offsets);
      plan.offsets[value] = offset;
      plan.size_bytes = std::max(plan.size_bytes, offset + aligned(values_[value].size_bytes));
    }
    return plan;
  }

  /// The lowest allowed offset, in one walk over what neighbours forbid.
  auto lowest(uint32_t value, std::vector<uint32_t> const& offsets) const -> uint32_t {
    auto& forbidden = forbidden_;
    forbidden.clear();
    uint32_t same = kNowhere;  // the lowest place that an overlap allows
    for (auto const& n : neighbours_[value]) {
      int64_t const other = offsets[n.value];
      if (other == kNowhere) continue;
      forbidden.push_back({other - n.before, other + n.after});
      if (n.same_place && allowed(value, offsets[n.value], offsets))
        same = std::min(same, offsets[n.value]);
    }
    std::sort(forbidden.begin(), forbidden.end(),
              [](Forbidden const& a, Forbidden const& b) { return a.low < b.low; });
    int64_t offset = 0;
    for (auto const& f : forbidden) {
      if (f.low >= offset) break;
      offset = std::max(offset, f.high);
    }
    return std::min(same, static_cast<uint32_t>(offset));
  }

  auto allowed(uint32_t value, uint32_t offset, std::vector<uint32_t> const& offsets) const
      -> bool {
    for (auto const& n : neighbours_[value]) {
      uint64_t const other = offsets[n.value];
      if (other == kNowhere || (n.same_place && other == offset)) continue;
      if (uint64_t{offset} + n.before > other && offset < other + n.after) return false;
    }
    return true;
  }

  /// How many of all values together.
  auto neighbours() const -> uint64_t {
    uint64_t count = 0;
    for (auto const& of_one : neighbours_) count += of_one.size();
    return count;
  }

  std::vector<Lifetime> const& values_;
  std::vector<std::vector<Neighbour>> neighbours_;
  struct Forbidden {
    int64_t low, high;  // both excluded
  };
  std::vector<Forbidden> mutable forbidden_;  // of one value at a time
};

}  // namespace

auto plan_arena(std::vector<Lifetime> const& values, std::vector<Overlap> const& overlaps)
    -> ArenaPlan {
  return Planner(values, overlaps).best();
}

auto live_bytes_max(std::vector<Lifetime> const& values) -> uint32_t {
  uint64_t most = 0;
  for (auto const& moment : values) {  // The peak is at a moment when some value is born.
    uint64_t live = 0;
    for (auto const& value : values)
      if (value.first <= moment.first && moment.first <= value.last)
        live += aligned(value.size_bytes);
    most = std::max(most, live);
  }
  return static_cast<uint32_t>(most);
}

}  // namespace godwit::compiler
