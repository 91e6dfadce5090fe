// An ADD that follows the convolution before it line by line: what it adds to is still in a
// cache, and on several threads each part adds to its own lines without waiting for the others.
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine {

/// Whether `add`, the step after `conv`, may add to each line as soon as it is made: it is of the
/// same shape throughout, and writes over nothing that other lines are made of.
auto adds_by_lines(Step const& conv, Step const& add) -> bool;

/// So many parts that the lines of one stay in a cache.
auto parts_in_cache(Step const& conv) -> int32_t;

/// Some lines of a convolution, and of the sum (`conv.sum`) that follows.
void run_summed(Step const& conv, void* scratch, Part part);

}  // namespace godwit::engine
