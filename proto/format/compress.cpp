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
  Bytes out(plain_length);
  TRY_VOID(decompress_into(compressed, out));
  return out;
}

auto decompress_into(ByteView compressed, std::span<uint8_t> plain) -> Result<> {
  // The frame's own idea of its length is not trusted: the buffer bounds what is written.
  size_t const size =
      ZSTD_decompress(plain.data(), plain.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size)) return corrupt(std::string("zstd: ") + ZSTD_getErrorName(size));
  if (size != plain.size())
    return corrupt("zstd: " + std::to_string(size) + " bytes instead of " +
                   std::to_string(plain.size()));
  return {};
}

}  // namespace godwit::proto
