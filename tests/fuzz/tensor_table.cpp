// Tables of tensors: whatever the file, what is found lies inside it, in order, of a size that fits
// its shape. The same bytes are also read as a layout of a small file and as a raw file.
#include "server/delta/tables/readers.h"
#include "server/delta/tables/scaled_rows.h"

namespace {

using namespace godwit;

void check(ByteView file, delta::TensorTable const& table) {
  uint64_t end = 0;
  for (auto const& tensor : table.tensors) {
    CHECK(tensor.offset >= end);
    end = tensor.offset + tensor.bytes;
    CHECK(tensor.bytes > 0 && end <= file.size());
    CHECK(tensor.rows() * tensor.columns() == tensor.elements());
    auto const span = tensor.span();
    CHECK(delta::size_bytes(span) == 0 || delta::size_bytes(span) == tensor.bytes);
    if (tensor.scales)
      CHECK(tensor.scales->offset + uint64_t{tensor.scales->count} * 4 <= file.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  ByteView const file(data, size);
  check(file, delta::read_tensor_table(file));
  static Bytes const raw(4096);
  auto const layout = delta::read_layout(as_text(file), raw);
  if (layout) check(raw, *layout);
  uint64_t end = 0;
  for (auto const& span : delta::find_scaled_rows(file)) {
    CHECK(span.offset >= end);
    end = span.offset + delta::size_bytes(span);
    CHECK(end <= file.size());
  }
  return 0;
}
