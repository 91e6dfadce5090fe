// BSDIFF40 behind its compression: the input is the control stream, the differences and the
// literals, packed here, so that changes reach the arithmetic instead of bzip2's checksums.
#include "proto/format/bsdiff.h"

#include <bzlib.h>

namespace {

using namespace godwit;
constexpr proto::PatchLimits kLimits = {.new_bytes_max = 64u << 10};

auto packed(ByteView plain) -> Bytes {
  Bytes out(plain.size() + plain.size() / 100 + 600);
  auto length = static_cast<unsigned>(out.size());
  Bytes copy(plain.begin(), plain.end());
  copy.reserve(1);  // of nothing, too, bzip2 wants an address
  CHECK(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &length,
                                 reinterpret_cast<char*>(copy.data()),
                                 static_cast<unsigned>(copy.size()), 1, 0, 0) == BZ_OK);
  out.resize(length);
  return out;
}

}  // namespace

/// Input: lengths of control and differences, the length of the new file (16 bits each), and the
/// three streams one after another.
extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  Reader reader(ByteView(data, size));
  auto const control_bytes = reader.u16();
  auto const difference_bytes = reader.u16();
  auto const new_bytes = reader.u16();
  if (!new_bytes) return 0;
  auto const control = reader.bytes(*control_bytes);
  auto const differences = reader.bytes(*difference_bytes);
  if (!control || !differences) return 0;
  auto const literals = reader.bytes(reader.left());
  auto const packed_control = packed(*control);
  auto const packed_differences = packed(*differences);
  Writer patch;
  patch.bytes(as_bytes(proto::kBsdiffMagic));
  patch.u64(packed_control.size());
  patch.u64(packed_differences.size());
  patch.u64(*new_bytes);
  patch.bytes(packed_control);
  patch.bytes(packed_differences);
  patch.bytes(packed(*literals));
  Bytes old(512);
  for (size_t i = 0; i < old.size(); ++i) old[i] = static_cast<uint8_t>(i * 7);
  auto const info = proto::inspect_bsdiff(patch.view(), kLimits);
  auto const made = proto::apply_bsdiff(old, patch.view(), kLimits);
  if (!made) return 0;
  CHECK(made->size() == *new_bytes);
  CHECK(info && info->added_bytes + info->literal_bytes == made->size());
  return 0;
}
