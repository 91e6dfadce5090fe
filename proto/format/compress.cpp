#include "proto/format/compress.h"

#include <zstd.h>

namespace godwit::proto {
namespace {

/// Releases are compressed once and fetched by a fleet.
constexpr int kLevel = 19;

}  // namespace

auto compress(ByteView plain) -> Bytes {
  Bytes out(ZSTD_compressBound(plain.size()));
  size_t const size = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), kLevel);
  CHECK(!ZSTD_isError(size));  // only memory can fail here
  out.resize(size);
  return out;
}

auto decompress(ByteView compressed, uint64_t plain_length) -> Result<Bytes> {
  // The frame's own idea of its length is not trusted: the buffer bounds what is written.
  Bytes out(plain_length);
  size_t const size = ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size)) return corrupt(std::string("zstd: ") + ZSTD_getErrorName(size));
  if (size != plain_length)
    return corrupt("zstd: " + std::to_string(size) + " bytes instead of " +
                   std::to_string(plain_length));
  return out;
}

}  // namespace godwit::proto
