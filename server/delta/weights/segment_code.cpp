#include "server/delta/weights/segment_code.h"

namespace godwit::delta {

auto EncodingIo::read_old(uint64_t offset, std::span<uint8_t> out) -> Result<> {
  std::copy_n(old_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  return {};
}

void EncodingIo::fill(std::span<uint8_t> made) {
  std::copy_n(made_.begin(), made.size(), made.begin());
}

auto EncodingIo::take(ByteView made) -> Result<> {
  CHECK(std::equal(made.begin(), made.end(), made_.begin()));  // coding must not change anything
  made_ = made_.subspan(made.size());
  return {};
}

auto EncodingIo::entry(uint32_t row, uint32_t component) -> int64_t {
  return side_.move->entries[size_t{side_.first_row + row} * side_.move->rank + component];
}

}  // namespace godwit::delta
