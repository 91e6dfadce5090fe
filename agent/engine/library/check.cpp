// CHECK in a library that stands alone: a broken invariant of ours stops the processor.
#include "proto/base/error.h"

namespace godwit {

void check_failed(char const*, char const*, int) {
  __builtin_trap();
}

}  // namespace godwit
