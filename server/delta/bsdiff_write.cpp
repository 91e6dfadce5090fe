#include "server/delta/bsdiff_write.h"

#include <bzlib.h>

#include "proto/format/bsdiff.h"

namespace godwit::delta {
namespace {

auto compress(ByteView plain, int level) -> Bytes {
  // The bound that libbz2 documents.
  Bytes coded(plain.size() + plain.size() / 100 + 600);
  auto coded_bytes = static_cast<unsigned>(coded.size());
  char empty = 0;
  char* const source =
      plain.empty() ? &empty : reinterpret_cast<char*>(const_cast<uint8_t*>(plain.data()));
  CHECK(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(coded.data()), &coded_bytes, source,
                                 static_cast<unsigned>(plain.size()), level, 0, 0) == BZ_OK);
  coded.resize(coded_bytes);
  return coded;
}

auto signed_magnitude(int64_t value) -> uint64_t {
  return value < 0 ? static_cast<uint64_t>(-value) | uint64_t{1} << 63
                   : static_cast<uint64_t>(value);
}

}  // namespace

auto write_bsdiff(ByteView old_file, ByteView new_file, std::span<Match const> matches,
                  int bzip2_level) -> Bytes {
  Writer control;
  Bytes diff;
  Bytes extra;
  size_t at = 0;
  for (size_t i = 0; i < matches.size(); ++i) {
    Match const& match = matches[i];
    uint64_t const old_end = match.old_offset + match.add;
    uint64_t const old_next = i + 1 < matches.size() ? matches[i + 1].old_offset : old_end;
    control.u64(match.add);
    control.u64(match.literal);
    control.u64(signed_magnitude(static_cast<int64_t>(old_next - old_end)));
    for (uint64_t k = 0; k < match.add; ++k)
      diff.push_back(static_cast<uint8_t>(new_file[at + k] - old_file[match.old_offset + k]));
    at += match.add;
    auto const literal = new_file.subspan(at, match.literal);
    extra.insert(extra.end(), literal.begin(), literal.end());
    at += match.literal;
  }
  CHECK(at == new_file.size());
  Bytes const control_coded = compress(control.view(), bzip2_level);
  Bytes const diff_coded = compress(diff, bzip2_level);
  Writer patch;
  patch.bytes(as_bytes(proto::kBsdiffMagic));
  patch.u64(control_coded.size());
  patch.u64(diff_coded.size());
  patch.u64(new_file.size());
  patch.bytes(control_coded);
  patch.bytes(diff_coded);
  patch.bytes(compress(extra, bzip2_level));
  return std::move(patch).take();
}

}  // namespace godwit::delta
