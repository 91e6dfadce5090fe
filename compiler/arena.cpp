#include "compiler/arena.h"

#include <algorithm>
#include <numeric>

#include "proto/format/model.h"

namespace godwit::compiler {

namespace {

auto aligned(uint32_t size_bytes) -> uint32_t {
  constexpr auto kAlignment = static_cast<uint32_t>(proto::kTensorAlignment);
  return (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

auto weight(Lifetime const& value) -> uint64_t {
  return uint64_t{value.size_bytes} * (value.last - value.first + 1);
}

auto meet(Lifetime const& a, Lifetime const& b) -> bool {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

auto plan_arena(std::vector<Lifetime> const& values) -> ArenaPlan {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return weight(values[a]) > weight(values[b]); });
  ArenaPlan plan{.offsets = std::vector<uint32_t>(values.size()), .size_bytes = 0};
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    uint32_t const size = aligned(values[i].size_bytes);
    uint32_t offset = 0;
    for (size_t other : placed) {
      if (!meet(values[i], values[other])) continue;
      if (plan.offsets[other] >= offset + size) break;  // The gap before it is large enough.
      offset = std::max(offset, plan.offsets[other] + aligned(values[other].size_bytes));
    }
    plan.offsets[i] = offset;
    plan.size_bytes = std::max(plan.size_bytes, offset + size);
    auto const after =
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](uint32_t at, size_t k) { return at < plan.offsets[k]; });
    placed.insert(after, i);
  }
  return plan;
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
