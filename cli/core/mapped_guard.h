// What happens when a mapped file becomes shorter: the system ends who reads behind its new end
// (SIGBUS). Guarded mappings read as zeros there instead, and remember it.
#pragma once

#include <cstddef>

namespace godwit::cli {

class MappedGuard {
 public:
  /// Guards `size` bytes at `begin` as long as it lives. At most eight at a time; more are not.
  MappedGuard(void* begin, size_t size);
  ~MappedGuard();
  MappedGuard(MappedGuard const&) = delete;
  auto operator=(MappedGuard const&) -> MappedGuard& = delete;

  /// Whether a part of it went away and was read.
  auto lost() const -> bool;

 private:
  size_t place_;
};

}  // namespace godwit::cli
