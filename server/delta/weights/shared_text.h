// Which parts of the old file can be matched at all: searching takes time and five bytes of memory
// for each byte, and old weights that no tensor is predicted from resemble nothing.
#pragma once

#include <vector>

#include "proto/base/bytes.h"

namespace godwit::delta {

struct Part {
  uint64_t offset = 0;  // in the file
  uint64_t bytes = 0;
};

/// What of the parts of the old file has a run of kSharedRun bytes in common with `text`, with
/// what lies around it; no run of that length is lost.
constexpr size_t kSharedRun = 15;
auto parts_shared(ByteView old_file, std::vector<Part> const& parts, ByteView text)
    -> std::vector<Part>;

}  // namespace godwit::delta
