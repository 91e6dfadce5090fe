// Where each activation lies in the one block of memory that a run uses.
#pragma once

#include <cstdint>
#include <vector>

namespace godwit::compiler {

/// A value that must be kept from operator `first` to operator `last`, both included.
struct Lifetime {
  uint32_t size_bytes;
  uint32_t first;
  uint32_t last;
};

/// An operator that may write its output over its input, which nobody reads after it.
struct Overlap {
  uint32_t output;
  uint32_t input;
  /// Far enough when the output begins so many bytes before the input, or more: it is then written
  /// only where the input was read already.
  uint32_t distance_bytes;
  bool same_place;  // or when both begin at the same byte
};

struct ArenaPlan {
  std::vector<uint32_t> offsets;  // one for each lifetime, multiples of 16
  uint32_t size_bytes = 0;
};

/// Places greedily, each value at the lowest offset where nothing alive at the same time lies, or
/// only what it may overlap; in several orders, the best of which is then improved by moving single
/// values for a bounded number of rounds. Deterministic.
auto plan_arena(std::vector<Lifetime> const& values, std::vector<Overlap> const& overlaps)
    -> ArenaPlan;

/// The most memory that is alive at once: no plan without overlaps is smaller.
auto live_bytes_max(std::vector<Lifetime> const& values) -> uint32_t;

}  // namespace godwit::compiler
