// Codes bytes that are not weights: beside a byte of the old file, or by themselves, from the
// bytes before. Contexts are hashed; a byte is two nibbles (docs/format-delta.md, "Bytes").
#pragma once

#include <span>

#include "proto/base/bytes.h"
#include "proto/format/weights/number_model.h"

namespace godwit::proto::weights {

template <size_t kSlotsPerInput>
class BytesModel {
 public:
  void reset() {
    mixing_.reset(kWeight);
    add_.reset();
    literal_.reset();
    seek_.reset();
    begin_segment();
  }
  void begin_segment() {
    before_ = {};
    same_ = 0;
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
                   o | next << 8};
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
      set_ = 0;
      contexts_ = {kAlone,
                   kAlone | one,
                   kAlone | two,
                   kAlone | three,
                   kAlone | before_[3] | 1u << 9,
                   kAlone | before_[1] | 1u << 10};
      byte = code_byte(coder, byte);
      remember(byte, false);
    }
  }

 private:
  static constexpr size_t kInputs = 6;
  static constexpr int32_t kWeight = 65536 * 3 / 10;

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
    same_ = same_ << 1 | static_cast<uint32_t>(same);
  }

  Mixing<kInputs, 16, kInputs * kSlotsPerInput, 4> mixing_;
  NumberModel<20> add_;
  NumberModel<20> literal_;
  NumberModel<40> seek_;
  std::array<uint32_t, kInputs> contexts_{};
  std::array<uint32_t, 4> before_{};
  uint32_t before_old_ = 0;
  uint32_t same_ = 0;
  size_t set_ = 0;
};

}  // namespace godwit::proto::weights
