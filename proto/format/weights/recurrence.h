// Where bytes like the newest ones came before: what followed there is likely to follow here
// (docs/format-delta.md, "Bytes").
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace godwit::proto::weights {

/// Remembers the bytes of the block. `forgiving`: a place is followed on past bytes that differ,
/// for records differ in a few; since version 3.
template <size_t kWindow>
class Recurrence {
 public:
  void reset(bool forgiving) {
    last_.fill(0);
    made_ = 0;
    length_ = 0;
    forgiving_ = forgiving;
    match_ = 0;
    misses_ = 0;
  }
  /// The byte that followed the last like place, and for how long it has been right, in steps.
  auto expected() const -> uint32_t { return length_ ? window_[match_ % kWindow] : 0; }
  auto trust() const -> uint32_t {
    return length_ == 0 ? 0 : length_ < 16 ? 1 + length_ / 4 : length_ < 32 ? 5 : 6;
  }

  /// When forgiving: is there a place, its byte there, and how often it was right and wrong.
  auto follows() const -> bool { return match_ > 0; }
  auto next() const -> uint32_t { return window_[match_ % kWindow]; }
  auto before() const -> uint32_t { return window_[(match_ - 1) % kWindow]; }
  auto right() const -> uint32_t { return length_; }
  auto wrong() const -> uint32_t {
    return std::min<uint32_t>(static_cast<uint32_t>(std::popcount(misses_ & 0xff)), 3);
  }

  void add(uint8_t byte) {
    if (forgiving_)
      follow(byte);
    else
      follow_exactly(byte);
    window_[made_ % kWindow] = byte;
    ++made_;
    newest_ = newest_ << 8 | byte;
    if (made_ < kWord) return;
    uint32_t& last = last_[(newest_ * 0x9e3779b1u) >> (32 - kHashBits)];
    if (last > 0 && made_ - last < kWindow) {
      if (forgiving_) {
        consider(last);
      } else if (length_ == 0) {
        match_ = last;
        length_ = 1;
      }
    }
    last = made_;
  }

 private:
  static constexpr uint32_t kWord = 4;
  static constexpr uint32_t kHashBits = kWindow > 8192 ? 14 : 9;
  /// A place is left after so many misses of sixteen; another is looked for below a length, and
  /// taken from another length on.
  static constexpr int kMissesMax = 8;
  static constexpr uint32_t kSureLength = 20;
  static constexpr uint32_t kBetterLength = 8;
  static constexpr uint32_t kComparedMax = 64;

  void follow_exactly(uint8_t byte) {
    if (length_ > 0 && window_[match_ % kWindow] == byte) {
      ++match_;
      if (length_ < 255) ++length_;
    } else {
      length_ = 0;
    }
  }
  void follow(uint8_t byte) {
    if (match_ == 0) return;
    bool const same = window_[match_ % kWindow] == byte;
    misses_ = misses_ << 1 | static_cast<uint32_t>(!same);
    length_ = same ? std::min(length_ + 1, 255u) : 0;
    ++match_;
    if (std::popcount(misses_ & 0xffff) > kMissesMax) match_ = length_ = 0;
  }
  void consider(uint32_t place) {
    if (length_ >= kSureLength) return;
    uint32_t length = 0;
    while (length < kComparedMax && length < place &&
           window_[(place - 1 - length) % kWindow] == window_[(made_ - 1 - length) % kWindow])
      ++length;
    if (length <= length_ || (match_ > 0 && length < kBetterLength)) return;
    match_ = place;
    length_ = length;
    misses_ = 0;
  }

  std::array<uint8_t, kWindow> window_{};
  std::array<uint32_t, size_t{1} << kHashBits> last_;
  uint32_t made_ = 0;
  uint32_t match_ = 0;
  uint32_t length_ = 0;
  uint32_t newest_ = 0;
  uint32_t misses_ = 0;  // a bit for each of the last bytes
  bool forgiving_ = false;
};

}  // namespace godwit::proto::weights
