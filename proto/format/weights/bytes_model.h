// Codes bytes that are not weights: beside a byte of the old file, or by themselves, from the
// bytes before. Contexts are hashed; a byte, or how much it is more than the old one, is two
// nibbles (docs/format-delta.md, "Bytes").
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
    same_mixing_.reset(kWeight);
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
    old_before_ = 0;
    more_ = 0;
    mores_ = {};
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

  /// Bytes that stand beside those of the old file: is it the same; if not, by how much it is more.
  /// In programs, what moved is mostly addresses: a word of the old file, by itself or from its
  /// place on, names what it points to, and what points to one thing moves by one distance.
  template <typename Coder>
  void code_beside(Coder& coder, ByteView old, std::span<uint8_t> made) {
    for (size_t i = 0; i < made.size(); ++i) {
      uint32_t const o = old[i];
      choose_beside(o, word_at(old, i));
      bool const same = code_same(coder, made[i] == o);
      uint32_t const more = same ? 0 : code_more(coder, o, made[i] - o);
      made[i] = static_cast<uint8_t>(o + more);
      more_ = more;
      old_before_ = old_before_ << 8 | o;
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
                   kAlone | recurrence_.expected() | recurrence_.trust() << 12,
                   kAlone | one | recurrence_.expected() << 8 | 3u << 28};
      byte = code_byte(coder, byte);
      remember(byte, false);
    }
  }

 private:
  static constexpr size_t kInputs = 8;
  static constexpr size_t kSameSlots = 8 * kSlotsPerInput;
  static constexpr int16_t kWeight = 16384 * 3 / 10;

  /// Little-endian; zeros past the end.
  static auto word_at(ByteView bytes, size_t at) -> uint32_t {
    uint32_t word = 0;
    for (size_t k = std::min<size_t>(4, bytes.size() - at); k-- > 0;)
      word = word << 8 | bytes[at + k];
    return word;
  }

  /// Where the byte before was more than the old one, by how much and whether it passed 255 tells
  /// what is carried; where it was not, a word may begin that moved.
  void choose_beside(uint32_t o, uint32_t word) {
    uint32_t const history = same_ & 0xff;
    uint32_t const wrapped = more_ + (old_before_ & 0xff) > 0xff;
    uint32_t const carried = more_ | wrapped << 8;
    bool const inside = more_ != 0;
    set_ = history == 0xff ? 3 : (history & 1) == 0 ? wrapped : 2;
    contexts_ = {carried | o << 9,
                 carried | (old_before_ & 0xffff) << 9,
                 (old_before_ & 0xffffff) | uint32_t{inside} << 24 | 1u << 28,
                 inside ? carried | 3u << 28 : word + place_,
                 inside ? carried | mores_[0] << 9 | 4u << 28 : (word + place_) >> 8 | 2u << 28,
                 inside ? carried | 5u << 28 : word >> 12 | 6u << 28,
                 history | (old_before_ & 0xff) << 8 | o << 16,
                 recurrence_.trust() << 16 | recurrence_.expected() << 8 | o | 9u << 28};
  }
  template <typename Coder>
  auto code_same(Coder& coder, bool same) -> bool {
    for (size_t i = 0; i < kInputs; ++i)
      same_mixing_.select(i, i * kSameSlots + slot(contexts_[i], kSameSlots));
    return same_mixing_.code(coder, same, 0, set_, same_ & 3);
  }
  template <typename Coder>
  auto code_more(Coder& coder, uint32_t o, uint32_t more) -> uint32_t {
    uint32_t const wrapped = more_ + (old_before_ & 0xff) > 0xff;
    contexts_[1] = o | before_[0] << 8 | 7u << 28;
    contexts_[7] = recurrence_.trust() << 16 | ((recurrence_.expected() - o) & 0xff) | 8u << 28;
    contexts_[6] = mores_[0] | mores_[1] << 8 | more_ << 16 | wrapped << 24;
    more = code_byte(coder, more & 0xff);
    if (more_ == 0 && mores_[0] != more) mores_ = {more, mores_[0]};
    return more;
  }

  static auto slot(uint64_t context, size_t slots) -> size_t {
    return static_cast<size_t>(((context * 0x9e3779b97f4a7c15) >> 32) * slots >> 32);
  }
  void select(uint32_t salt) {
    for (size_t i = 0; i < kInputs; ++i) {
      uint64_t const salted = contexts_[i] + uint64_t{salt} * 0x100000001;
      mixing_.select(i, i * kSlotsPerInput + slot(salted, kSlotsPerInput));
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

  Mixing<kInputs, 1, kInputs * kSameSlots, 4> same_mixing_;
  Mixing<kInputs, 16, kInputs * kSlotsPerInput, 4> mixing_;
  Recurrence<kSlotsPerInput >= 512 ? 1u << 16 : 1u << 10> recurrence_;
  NumberModel<20> add_;
  NumberModel<20> literal_;
  NumberModel<40> seek_;
  std::array<uint32_t, kInputs> contexts_{};
  std::array<uint32_t, 4> before_{};
  uint32_t old_before_ = 0;          // the last four, the newest lowest
  uint32_t more_ = 0;                // than the old one was the byte before; 0: the same
  std::array<uint32_t, 2> mores_{};  // with which words began last, the newest first
  uint32_t same_ = 0;
  uint32_t place_ = 0;
  size_t set_ = 0;
};

}  // namespace godwit::proto::weights
