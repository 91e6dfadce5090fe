// The paths on Arm, 32 and 64 bits.
#include "agent/engine/kernel.h"

namespace godwit::engine {

auto paths() -> std::span<Path const* const> {
  static constexpr Path const* kPaths[] = {&kPortable};
  return kPaths;
}

}  // namespace godwit::engine
