// Codes bytes that are not weights: beside a byte of the old file, or by themselves, from the
// bytes before. Contexts are hashed; a byte is two nibbles (docs/format-delta.md, "Bytes").
#pragma once

#include <span>

#include "proto/base/bytes.h"
#include "proto/format/weights/number_model.h"

namespace godwit::proto::weights {

/// Remembers the bytes of the segment and where a like place came before: what followed there is
/// likely to follow here.
template <size_t kWindow>
class Recurrence {
 public:
  void reset() {
    last_.fill(0);
    made_ = 0;
    length_ = 0;
  }
  /// The byte that followed the last like place, and for how long it has been right, in steps.
  auto expected() const -> uint32_t { return length_ ? window_[match_ % kWindow] : 0; }
  auto trust() const -> uint32_t {
    return length_ == 0 ? 0 : length_ < 16 ? 1 + length_ / 4 : length_ < 32 ? 5 : 6;
  }
  void add(uint8_t byte) {
    if (length_ > 0 && window_[match_ % kWindow] == byte) {
      ++match_;
      if (length_ < 255) ++length_;
    } else {
      length_ = 0;
    }
    window_[made_ % kWindow] = byte;
    ++made_;
    newest_ = newest_ << 8 | byte;
    if (made_ < kWord) return;
    uint32_t& last = last_[(newest_ * 0x9e3779b1u) >> (32 - kHashBits)];
    if (length_ == 0 && last > 0 && made_ - last < kWindow) {
      match_ = last;
      length_ = 1;
    }
    last = made_;
  }

 private:
  static constexpr uint32_t kWord = 4;
  static constexpr uint32_t kHashBits = kWindow > 8192 ? 14 : 9;
  std::array<uint8_t, kWindow> window_{};
  std::array<uint32_t, size_t{1} << kHashBits> last_;
  uint32_t made_ = 0;
  uint32_t match_ = 0;
  uint32_t length_ = 0;
  uint32_t newest_ = 0;
};

template <size_t kSlotsPerInput>
class BytesModel {
 public:
  void reset() {
    mixing_.reset(kWeight);
    recurrence_.reset();
    add_.reset();
    literal_.reset();
    seek_.reset();
    begin_segment();
  }
  void begin_segment() {
    before_ = {};
    same_ = 0;
    before_old_ = 0;
    place_ = 0;
  }

  template <typename Coder>
  auto code_add(Coder& coder, uint64_t count) -> uint64_t {
    return add_.code(coder, count);
  }
  template <typename Coder>
  auto code_literal(Coder& coder, uint64_t count) -> uint64_t {
    return literal_.code(coder, count);
  }
  template <typename Coder>
  auto code_seek(Coder& coder, int64_t distance) -> int64_t {
    return unfold(seek_.code(coder, fold(distance)));
  }

  /// Bytes that stand beside those of the old file.
  template <typename Coder>
  void code_beside(Coder& coder, ByteView old, std::span<uint8_t> made) {
    for (size_t i = 0; i < made.size(); ++i) {
      uint32_t const o = old[i];
      uint32_t const next = i + 1 < old.size() ? old[i + 1] : 0;
      uint32_t const history = same_ & 0xff;
      set_ = history == 0xff ? 3 : history == 0 ? 0 : (history & 1) + 1;
      contexts_ = {o,
                   o | before_[0] << 8,
                   o | history << 8,
                   o | before_old_ << 8 | uint32_t{before_[0] == before_old_} << 16,
                   before_[0] | before_[1] << 8 | (o >> 4) << 16,
                   o | next << 8,
                   recurrence_.trust() << 16 | recurrence_.expected() << 8 | o};
      select(0);
      bool const same = mixing_.code(coder, made[i] == o, 0, set_, same_ & 3);
      if (!same) made[i] = code_byte(coder, made[i]);
      if (same) made[i] = static_cast<uint8_t>(o);
      before_old_ = o;
      remember(made[i], same);
    }
  }

  /// Bytes that stand beside nothing.
  template <typename Coder>
  void code_alone(Coder& coder, std::span<uint8_t> made) {
    for (uint8_t& byte : made) {
      uint32_t const one = before_[0];
      uint32_t const two = one | before_[1] << 8;
      uint32_t const three = two | before_[2] << 16;
      uint32_t constexpr kAlone = 1u << 30;
      set_ = std::min(recurrence_.trust(), 3u);
      contexts_ = {kAlone,
                   kAlone | one | (place_ & 3) << 8 | 1u << 10,
                   kAlone | two,
                   kAlone | three,
                   kAlone | before_[3] | (place_ & 3) << 8 | 1u << 11,
                   kAlone | before_[1] | before_[3] << 8 | 1u << 29,
                   kAlone | recurrence_.expected() | recurrence_.trust() << 12};
      byte = code_byte(coder, byte);
      remember(byte, false);
    }
  }

 private:
  static constexpr size_t kInputs = 7;
  static constexpr int16_t kWeight = 16384 * 3 / 10;

  void select(uint32_t salt) {
    for (size_t i = 0; i < kInputs; ++i) {
      uint64_t hash = (contexts_[i] + uint64_t{salt} * 0x100000001) * 0x9e3779b97f4a7c15;
      hash = ((hash >> 32) * kSlotsPerInput) >> 32;
      mixing_.select(i, i * kSlotsPerInput + static_cast<size_t>(hash));
    }
  }
  template <typename Coder>
  auto code_byte(Coder& coder, uint32_t byte) -> uint8_t {
    select(1);
    uint32_t const high = code_nibble(coder, byte >> 4);
    select(2 + high);
    uint32_t const low = code_nibble(coder, byte & 15);
    return static_cast<uint8_t>(high << 4 | low);
  }
  template <typename Coder>
  auto code_nibble(Coder& coder, uint32_t nibble) -> uint32_t {
    uint32_t node = 1;
    for (int i = 3; i >= 0; --i)
      node = node * 2 + mixing_.code(coder, (nibble >> i) & 1, node, set_, 0);
    return node & 15;
  }
  void remember(uint8_t byte, bool same) {
    before_ = {byte, before_[0], before_[1], before_[2]};
    recurrence_.add(byte);
    ++place_;
    same_ = same_ << 1 | static_cast<uint32_t>(same);
  }

  Mixing<kInputs, 16, kInputs * kSlotsPerInput, 4> mixing_;
  Recurrence<kSlotsPerInput >= 512 ? 1u << 16 : 1u << 10> recurrence_;
  NumberModel<20> add_;
  NumberModel<20> literal_;
  NumberModel<40> seek_;
  std::array<uint32_t, kInputs> contexts_{};
  std::array<uint32_t, 4> before_{};
  uint32_t before_old_ = 0;
  uint32_t same_ = 0;
  uint32_t place_ = 0;
  size_t set_ = 0;
};

}  // namespace godwit::proto::weights
