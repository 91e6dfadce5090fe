// Codes bytes that are not weights: beside a byte of the old file, or by themselves, from the
// bytes before. Contexts are hashed; a byte, or how much it is more than the old one, is two
// nibbles (docs/format-delta.md, "Bytes").
#pragma once

#include <span>

#include "proto/base/bytes.h"
#include "proto/format/weights/number_model.h"
#include "proto/format/weights/recurrence.h"

namespace godwit::proto::weights {

template <size_t kSlotsPerInput>
class BytesModel {
 public:
  /// `by_places`: bytes alone are coded bit by bit beside a like place; since version 3.
  void reset(bool by_places, uint16_t version) {
    by_places_ = by_places;
    same_mixing_.reset(kWeight);
    mixing_.reset(first_weight(by_places, version));
    recurrence_.reset(by_places);
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
    if (by_places_) return code_by_places(coder, made);
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
  static constexpr size_t kNodes = 16;  // of a nibble
  static constexpr int16_t kWeight = 16384 * 3 / 10;
  static constexpr int16_t kWeightByPlaces = 16384 * 2 / 10;
  static constexpr int16_t kWeightOfMany = 16384 * 4 / 10;
  static constexpr uint16_t kVersionOfMany = 4;
  /// Sets of weights: of nibbles, and then by how far a like place is trusted.
  static constexpr size_t kNibbleSets = kNodes * 4;
  static constexpr size_t kPlaceSets = 1 + 4 * 8;
  static constexpr size_t kPlaceInput = 6;

  /// Contexts that hardly meet in a slot are believed at once.
  static auto first_weight(bool by_places, uint16_t version) -> int16_t {
    if (!by_places) return kWeight;
    return kSlotsPerInput >= 512 && version >= kVersionOfMany ? kWeightOfMany : kWeightByPlaces;
  }

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
      cells_[i] = (i * kSlotsPerInput + slot(salted, kSlotsPerInput)) * kNodes;
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
    for (int i = 3; i >= 0; --i) {
      for (size_t k = 0; k < kInputs; ++k) mixing_.select(k, cells_[k] + node);
      node =
          node * 2 + mixing_.code(coder, (nibble >> i) & 1, 0, node * 4 + set_, size_t{node} * 4);
    }
    return node & 15;
  }

  template <typename Coder>
  void code_by_places(Coder& coder, std::span<uint8_t> made) {
    for (uint8_t& byte : made) {
      uint32_t const one = before_[0];
      uint32_t const two = one | before_[1] << 8;
      uint32_t const three = two | before_[2] << 16;
      uint32_t const place = place_ & 3;
      bool const follows = recurrence_.follows();
      uint32_t const next = follows ? recurrence_.next() : 0;
      uint32_t const apart = follows ? (one - recurrence_.before()) & 0xff : 0;
      contexts_ = {place,
                   one | place << 8,
                   two,
                   three,
                   three | before_[3] << 24,
                   before_[3] | place << 8,
                   0,
                   next | apart << 8 | std::min(recurrence_.right(), 3u) << 16};
      byte = code_beside_place(coder, byte);
      remember(byte, false);
    }
  }
  /// How long a like place was right, in 25 steps, and in eight.
  static auto fine_step(uint32_t right) -> uint32_t {
    return right < 16 ? right : right < 32 ? 12 + right / 4 : std::min(16 + right / 8, 24u);
  }
  static auto coarse_step(uint32_t right) -> uint32_t {
    return right < 2    ? right
           : right < 5  ? 2
           : right < 9  ? 3
           : right < 16 ? 4
           : right < 24 ? 5
           : right < 32 ? 6
                        : 7;
  }
  /// Bit by bit: as long as the bits are those of the like place, its bit is a context.
  template <typename Coder>
  auto code_beside_place(Coder& coder, uint32_t byte) -> uint8_t {
    bool const follows = recurrence_.follows();
    uint32_t const expected = 256 | (follows ? recurrence_.next() : 0);
    uint32_t const wrong = recurrence_.wrong();
    uint32_t const fine = (wrong * 25 + fine_step(recurrence_.right())) * 2 + 1;
    uint32_t const coarse = wrong * 8 + coarse_step(recurrence_.right()) + 1;
    uint32_t node = 1;
    for (uint32_t i = 8; i-- > 0;) {
      if (i == 7 || i == 3) select(i == 7 ? 1 : 2 + (node & 15));
      uint32_t const in_nibble = i > 3 ? node : 1u << (3 - i) | (node & ((1u << (3 - i)) - 1));
      bool const agrees = follows && expected >> (i + 1) == node;
      for (size_t k = 0; k < kInputs; ++k) mixing_.select(k, cells_[k] + in_nibble);
      mixing_.select(kPlaceInput, kPlaceInput * kSlotsPerInput * kNodes +
                                      (agrees ? fine + ((expected >> i) & 1) : 0));
      node = node * 2 + mixing_.code(coder, (byte >> i) & 1, 0, kNibbleSets + (agrees ? coarse : 0),
                                     kNibbleSets + (place_ & 3) * 8 + i);
    }
    return static_cast<uint8_t>(node);
  }
  void remember(uint8_t byte, bool same) {
    before_ = {byte, before_[0], before_[1], before_[2]};
    recurrence_.add(byte);
    ++place_;
    same_ = same_ << 1 | static_cast<uint32_t>(same);
  }

  Mixing<kInputs, 1, kInputs * kSameSlots, 4> same_mixing_;
  Mixing<kInputs, 1, kInputs * kSlotsPerInput * kNodes, kNibbleSets + kPlaceSets> mixing_;
  Recurrence<kSlotsPerInput >= 512 ? 1u << 16 : 1u << 10> recurrence_;
  NumberModel<20> add_;
  NumberModel<20> literal_;
  NumberModel<40> seek_;
  std::array<uint32_t, kInputs> contexts_{};
  std::array<size_t, kInputs> cells_{};
  std::array<uint32_t, 4> before_{};
  uint32_t old_before_ = 0;          // the last four, the newest lowest
  uint32_t more_ = 0;                // than the old one was the byte before; 0: the same
  std::array<uint32_t, 2> mores_{};  // with which words began last, the newest first
  uint32_t same_ = 0;
  uint32_t place_ = 0;
  size_t set_ = 0;
  bool by_places_ = false;
};

}  // namespace godwit::proto::weights
