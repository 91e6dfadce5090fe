// Threads of the caller's, on which parts of large layers run at the same time. The engine itself
// has none: it asks for its parts to be run, and waits. Outputs do not depend on it.
#pragma once

#include <cstdint>

namespace godwit::engine {

constexpr uint32_t kCrewMax = 4;

struct Crew {
  uint32_t size = 1;  // at most kCrewMax
  /// Calls part(work, i) for each i below `size`, each on a thread of its own if it can, and
  /// returns when all have returned.
  void (*together)(void* context, void (*part)(void* work, uint32_t index), void* work) = nullptr;
  void* context = nullptr;
  /// Layers of fewer multiply-adds run on the caller's thread alone: waking others takes longer.
  int64_t products_least = 1 << 21;
};

}  // namespace godwit::engine
