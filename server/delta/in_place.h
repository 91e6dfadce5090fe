// Makes patches that can be applied to the only copy of the old file: orders their blocks so that
// none reads what an earlier one overwrote. Blocks that wait for one another in a circle are coded
// anew, without the old file, until there is none.
#pragma once

#include "proto/base/bytes.h"

namespace godwit::delta {

/// The same patch with an order, proved by applying it in place. It still applies to a copy.
/// `invalid` for a patch that is no container.
auto order_in_place(ByteView old_file, ByteView new_file, ByteView patch) -> Result<Bytes>;

}  // namespace godwit::delta
