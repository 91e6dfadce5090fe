// Windows that slide over an image: stride and padding of convolutions and pools.
#pragma once

#include "compiler/lower/lower.h"

namespace godwit::compiler {

struct Extent {
  uint32_t height, width;
};
struct Dilation {
  int32_t height, width;
};

/// Reads padding and strides (fields 0, 1 and 2 of the options of every such operator), computes
/// where the first window starts, and checks the output's height and width.
auto lower_window(Lowering const& lowering, Extent filter, Dilation dilation)
    -> Result<proto::Window>;

}  // namespace godwit::compiler
