#include "proto/format/bzip2_stream.h"

#include <algorithm>

namespace godwit::proto {
namespace {

constexpr size_t kPieceBytesMax = 1u << 30;  // libbz2 counts in unsigned int

}  // namespace

Bzip2Stream::Bzip2Stream(ByteSource& source, uint64_t offset, uint64_t coded_bytes)
    : source_(source), at_(offset), left_(coded_bytes) {
  CHECK(BZ2_bzDecompressInit(&state_, 0, 0) == BZ_OK);
}

Bzip2Stream::~Bzip2Stream() {
  BZ2_bzDecompressEnd(&state_);
}

auto Bzip2Stream::refill() -> Result<> {
  if (state_.avail_in > 0 || left_ == 0) return {};
  auto const count = static_cast<size_t>(std::min<uint64_t>(left_, buffer_.size()));
  TRY_VOID(source_.read(at_, std::span(buffer_).first(count)));
  at_ += count;
  left_ -= count;
  state_.next_in = reinterpret_cast<char*>(buffer_.data());
  state_.avail_in = static_cast<unsigned>(count);
  return {};
}

auto Bzip2Stream::read(std::span<uint8_t> out) -> Result<> {
  while (!out.empty()) {
    if (ended_) return corrupt("a bzip2 stream is too short");
    TRY_VOID(refill());
    auto const in_bytes = state_.avail_in;
    auto const out_bytes = static_cast<unsigned>(std::min(out.size(), kPieceBytesMax));
    state_.next_out = reinterpret_cast<char*>(out.data());
    state_.avail_out = out_bytes;
    int const status = BZ2_bzDecompress(&state_);
    if (status != BZ_OK && status != BZ_STREAM_END) return corrupt("a bzip2 stream is damaged");
    auto const made = out_bytes - state_.avail_out;
    ended_ = status == BZ_STREAM_END;
    if (in_bytes == state_.avail_in && !made && !ended_)
      return corrupt("a bzip2 stream is cut off");
    out = out.subspan(made);
  }
  return {};
}

auto Bzip2Stream::finish() -> Result<> {
  uint8_t byte = 0;
  // Reading on must meet the end: a stream that still yields a byte is too long.
  if (!ended_ && read({&byte, 1})) return corrupt("a bzip2 stream is too long");
  if (!ended_) return corrupt("a bzip2 stream is damaged at its end");
  if (left_ > 0 || state_.avail_in > 0) return corrupt("bytes follow the end of a bzip2 stream");
  return {};
}

}  // namespace godwit::proto
