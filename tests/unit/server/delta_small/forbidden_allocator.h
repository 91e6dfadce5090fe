// While it is forbidden, allocating ends this test program.
#pragma once

namespace godwit::test {
extern bool allocator_is_forbidden;
}  // namespace godwit::test
