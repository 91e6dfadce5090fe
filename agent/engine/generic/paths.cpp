// The paths on a processor for which there are no kernels of its own.
#include "agent/engine/kernel.h"

namespace godwit::engine {

auto paths() -> std::span<Path const* const> {
  static constexpr Path const* kPaths[] = {&kPortable};
  return kPaths;
}

}  // namespace godwit::engine
