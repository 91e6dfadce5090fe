#include "tests/unit/server/delta_small/forbidden_allocator.h"

#include <cstdlib>
#include <new>

namespace godwit::test {
bool allocator_is_forbidden = false;
}  // namespace godwit::test

// Sanitizers bring an allocator of their own, and look at what it gave and got back.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
auto operator new(size_t bytes) -> void* {
  if (godwit::test::allocator_is_forbidden) std::abort();
  if (void* const memory = std::malloc(bytes ? bytes : 1)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
#endif
