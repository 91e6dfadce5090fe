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

struct ArenaPlan {
  std::vector<uint32_t> offsets;  // one for each lifetime, multiples of 16
  uint32_t size_bytes = 0;
};

/// Places greedily, the greatest product of size and lifetime first, each at the lowest offset
/// where nothing alive at the same time lies.
auto plan_arena(std::vector<Lifetime> const& values) -> ArenaPlan;

/// The most memory that is alive at once: no plan without overlaps is smaller.
auto live_bytes_max(std::vector<Lifetime> const& values) -> uint32_t;

}  // namespace godwit::compiler
