#include "proto/format/bzip2_stream.h"

#include <algorithm>

namespace godwit::proto {
namespace {

constexpr size_t kPieceBytesMax = 1u << 30;  // libbz2 counts in unsigned int

}  // namespace

Bzip2Stream::Bzip2Stream(ByteView coded) : coded_(coded) {
  CHECK(BZ2_bzDecompressInit(&state_, 0, 0) == BZ_OK);
}

Bzip2Stream::~Bzip2Stream() {
  BZ2_bzDecompressEnd(&state_);
}

auto Bzip2Stream::read(std::span<uint8_t> out) -> Result<> {
  while (!out.empty()) {
    if (ended_) return corrupt("a bzip2 stream is too short");
    size_t const in_bytes = std::min(coded_.size(), kPieceBytesMax);
    size_t const out_bytes = std::min(out.size(), kPieceBytesMax);
    // libbz2 never writes to its input, though its type says it may.
    state_.next_in = reinterpret_cast<char*>(const_cast<uint8_t*>(coded_.data()));
    state_.avail_in = static_cast<unsigned>(in_bytes);
    state_.next_out = reinterpret_cast<char*>(out.data());
    state_.avail_out = static_cast<unsigned>(out_bytes);
    int const status = BZ2_bzDecompress(&state_);
    if (status != BZ_OK && status != BZ_STREAM_END) return corrupt("a bzip2 stream is damaged");
    size_t const used = in_bytes - state_.avail_in;
    size_t const made = out_bytes - state_.avail_out;
    ended_ = status == BZ_STREAM_END;
    if (!used && !made && !ended_) return corrupt("a bzip2 stream is cut off");
    coded_ = coded_.subspan(used);
    out = out.subspan(made);
  }
  return {};
}

auto Bzip2Stream::finish() -> Result<> {
  uint8_t byte = 0;
  // Reading on must meet the end: a stream that still yields a byte is too long.
  if (!ended_ && read({&byte, 1})) return corrupt("a bzip2 stream is too long");
  if (!ended_) return corrupt("a bzip2 stream is damaged at its end");
  if (!coded_.empty()) return corrupt("bytes follow the end of a bzip2 stream");
  return {};
}

}  // namespace godwit::proto
