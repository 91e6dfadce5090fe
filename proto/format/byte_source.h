// Where the decoder reads the old file and the patch from: memory, flash or a file. Reads go in
// pieces, so that neither has to lie in memory as a whole.
#pragma once

#include <algorithm>
#include <span>

#include "proto/base/bytes.h"

namespace godwit::proto {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `out` from `offset` on; `corrupt` when the source ends before.
  virtual auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> = 0;
};

class ViewSource final : public ByteSource {
 public:
  explicit ViewSource(ByteView bytes) : bytes_(bytes) {}
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset)
      return corrupt("it reads past the end");
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  ByteView bytes_;
};

/// Takes the bytes of the new file in order.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual auto write(ByteView bytes) -> Result<> = 0;
};

/// The bytes from `offset` to `offset + count` of a source, in order, through a small buffer. Past
/// its end it gives zeros and remembers that it did.
template <size_t kBytes>
class BasicBufferedReader {
 public:
  BasicBufferedReader(ByteSource& source, uint64_t offset, uint64_t count)
      : source_(source), at_(offset), left_(count) {}

  auto next() -> uint8_t {
    if (used_ == filled_ && !refill()) {
      ++past_end_;
      return 0;
    }
    return buffer_[used_++];
  }
  /// The next `out.size()` bytes, of which there are so many.
  void take(std::span<uint8_t> out) {
    while (!out.empty()) {
      if (used_ == filled_ && !refill()) {
        past_end_ += out.size();
        std::fill(out.begin(), out.end(), uint8_t{0});
        return;
      }
      size_t const count = std::min(filled_ - used_, out.size());
      std::copy_n(&buffer_[used_], count, out.begin());
      used_ += count;
      out = out.subspan(count);
    }
  }
  /// How often `next` was called after the last byte.
  auto past_end() const -> uint64_t { return past_end_; }
  auto left() const -> uint64_t { return left_ + (filled_ - used_); }
  auto failed() const -> bool { return failed_; }

 private:
  auto refill() -> bool {
    auto const count = static_cast<size_t>(std::min<uint64_t>(left_, buffer_.size()));
    if (count == 0 || failed_) return false;
    if (!source_.read(at_, std::span(buffer_).first(count))) {
      failed_ = true;
      return false;
    }
    at_ += count;
    left_ -= count;
    used_ = 0;
    filled_ = count;
    return true;
  }

  ByteSource& source_;
  uint64_t at_;
  uint64_t left_;
  uint64_t past_end_ = 0;
  size_t used_ = 0;
  size_t filled_ = 0;
  bool failed_ = false;
  std::array<uint8_t, kBytes> buffer_;
};
using BufferedReader = BasicBufferedReader<512>;

}  // namespace godwit::proto
