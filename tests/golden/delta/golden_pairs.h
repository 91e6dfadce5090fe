// The files that golden patches were made for, from whole numbers only: the same on every machine.
// For the test beside it, and for tests/cross/delta_rows on other processors.
#pragma once

#include <algorithm>
#include <bit>

#include "proto/format/weights/halves.h"
#include "proto/format/weights/tensor_rows.h"
#include "proto/format/weights/waves.h"
#include "tests/golden/delta/golden_modes.h"

namespace godwit::delta {

class Dice {
 public:
  explicit Dice(uint32_t seed) : state_(seed) {}
  auto next() -> uint32_t {
    state_ = state_ * 1664525 + 1013904223;
    return state_ >> 16;
  }
  /// About normal, of standard deviation `spread`.
  auto bell(int32_t spread) -> int32_t {
    int32_t sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<int32_t>(next() & 1023);
    return (sum - 6 * 1023) * spread / 1024;
  }

 private:
  uint32_t state_;
};

/// value / 4096 as a float32; the conversions to the shorter forms cut off.
inline auto float_bits(int32_t value) -> uint32_t {
  if (value == 0) return 0;
  uint32_t const sign = value < 0 ? 1u << 31 : 0;
  auto const size = static_cast<uint32_t>(value < 0 ? -value : value);
  auto const top = static_cast<uint32_t>(std::bit_width(size)) - 1;
  return sign | (127 + top - 12) << 23 | ((size << (23 - top)) & 0x7fffff);
}

inline void append(Bytes& file, ElementType type, int32_t value) {
  auto const put = [&](uint32_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) file.push_back(static_cast<uint8_t>(v >> (8 * i)));
  };
  int32_t const code = std::clamp(value, -127, 127);
  uint32_t const bits = float_bits(value);
  switch (type) {
    case ElementType::int8:
      return put(static_cast<uint32_t>(code), 1);
    case ElementType::uint8:
      return put(static_cast<uint32_t>(code + 128), 1);
    case ElementType::int4:
      return put(static_cast<uint32_t>((code / 16 & 15) | (code / 20 & 15) << 4), 1);
    case ElementType::int16:
      return put(static_cast<uint32_t>(value * 50), 2);
    case ElementType::int32:
      return put(static_cast<uint32_t>(value * 5000), 4);
    case ElementType::bf16:
      return put(bits >> 16, 2);
    case ElementType::fp16: {
      uint32_t const exponent = (bits >> 23) & 255;
      uint32_t const half = exponent < 113 ? 0 : (exponent - 112) << 10 | ((bits >> 13) & 1023);
      return put(half | (bits >> 16 & 0x8000), 2);
    }
    case ElementType::fp32:
      return put(bits, 4);
  }
}

struct Pair {
  Bytes old_file;
  Bytes new_file;
  std::vector<TensorPair> pairs;
};

/// Makes one number of each channel 127 or -127, and holds the others below.
inline void add_peaks(Golden const& golden, Pair& made) {
  auto const weights =
      std::span(made.new_file).subspan(static_cast<size_t>(made.pairs[0].to.offset));
  for (uint8_t& weight : weights)
    weight = static_cast<uint8_t>(std::clamp(int32_t{static_cast<int8_t>(weight)}, -126, 126));
  bool const rows = golden.peaks == Peaks::rows;
  for (uint32_t i = 0; i < (rows ? golden.rows : golden.cols); ++i) {
    uint32_t const row = rows ? i : i * 5 % golden.rows;
    uint32_t const col = rows ? i * 7 % golden.cols : i;
    weights[row * golden.cols + col] = static_cast<uint8_t>(i % 3 ? 127 : -127);
  }
}

/// Makes halves of all numbers, times a factor of the row.
inline void make_halves(Golden const& golden, Bytes& file, size_t offset, uint32_t step) {
  auto const numbers = std::span(file).subspan(offset);
  for (uint32_t i = 0; i < golden.rows * golden.cols; ++i) {
    uint32_t const factor = 0x3f000000 + i / golden.cols * step;
    auto const number = numbers.subspan(size_t{4} * i, 4);
    uint32_t const half = proto::weights::half_over(proto::weights::load(number), factor);
    proto::weights::store(proto::weights::half_times(half, factor), number);
  }
}

/// A window of any numbers that is the same on both sides, times cosines and falling sines. One
/// number is not quite what it should be.
inline void add_waves(Golden const& golden, Dice& dice, Pair& made) {
  std::vector<uint32_t> values = {0x3f800000, 0x3f6c835e, 0x3f3504f3, 0x3ec3ef15, 0};
  for (int i = 0; i < 9; ++i) values.push_back(float_bits(dice.bell(4000) | 1));
  Segment const basis{.rows = golden.rows, .cols = golden.cols, .waves = true, .cosines = 9};
  size_t at = static_cast<size_t>(made.pairs[0].to.offset);
  for (uint32_t row = 0; row < golden.rows; ++row)
    for (uint32_t col = 0; col < golden.cols; ++col) {
      uint32_t const off = row == 5 && col == 7;
      uint32_t const bits = proto::weights::wave_at(basis, values, row, col) + off;
      for (uint32_t i = 0; i < 4; ++i) made.new_file[at++] = static_cast<uint8_t>(bits >> (8 * i));
    }
}

/// The list of the new file once more, times about 0.0157.
inline void add_product(Golden const& golden, Pair& made) {
  TensorSpan span = made.pairs[0].to;
  span.offset = made.new_file.size();
  for (uint32_t j = 0; j < golden.cols; ++j) {
    size_t const at = static_cast<size_t>(made.pairs[0].to.offset) + size_t{4} * j;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 4; ++i) bits |= uint32_t{made.new_file[at + i]} << (8 * i);
    bits = proto::weights::product_of(bits, 0x3c80a1b3);
    for (uint32_t i = 0; i < 4; ++i) made.new_file.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }
  made.pairs.push_back({.to = span});
}

inline void add_moved_words(Dice& dice, Pair& made) {
  for (uint32_t i = 0; i < 700; ++i) {
    uint32_t const word = 0x10000 + dice.next() % 4 * 0x1234 + i % 3;
    uint32_t const moved = word + (i % 5 == 0 ? 0x58 : 0);
    for (uint32_t shift = 0; shift < 32; shift += 8) {
      made.old_file.push_back(static_cast<uint8_t>(word >> shift));
      made.new_file.push_back(static_cast<uint8_t>(moved >> shift));
    }
  }
}

/// Of sixteen bytes each, which count and differ in a few.
inline void add_records(Dice& dice, Pair& made) {
  for (uint32_t i = 0; i < 60; ++i)
    for (uint32_t j = 0; j < 16; ++j)
      made.new_file.push_back(static_cast<uint8_t>(j == 3    ? i * 4
                                                   : j == 9  ? dice.next() % 5
                                                   : j == 12 ? dice.next()
                                                             : j * j));
}

inline auto make_pair_of(Golden const& golden) -> Pair {
  Pair made;
  Dice dice(golden.rows * 31 + golden.cols);
  TensorSpan const span{.name = golden.name,
                        .type = golden.type,
                        .offset = 5,
                        .rows = golden.rows,
                        .cols = golden.cols};
  made.pairs = {{.to = span, .from = golden.from_old ? std::optional(span) : std::nullopt}};
  for (char const c : std::string_view("head:")) {
    made.old_file.push_back(static_cast<uint8_t>(c));
    made.new_file.push_back(static_cast<uint8_t>(c - (c == ':')));
  }
  std::vector<int32_t> across(golden.cols);
  for (auto& v : across) v = dice.bell(golden.ranked);
  // Floating-point numbers have more to lose than their highest bits.
  bool const fine = golden.type == ElementType::fp16 || golden.type == ElementType::bf16 ||
                    golden.type == ElementType::fp32;
  int32_t const spread = fine ? 40 * 256 : 40;
  uint32_t const count = golden.type == ElementType::int4 ? golden.cols / 2 : golden.cols;
  for (uint32_t row = 0; row < golden.rows; ++row) {
    int32_t const along = dice.bell(16);
    auto const grow = static_cast<int32_t>(golden.scaled ? dice.next() % 64 : 0);
    for (uint32_t j = 0; j < count; ++j) {
      int32_t const old = dice.bell(spread);
      int32_t const moved =
          old + old * grow / 256 + along * across[j] / 16 + dice.bell(golden.moved);
      append(made.old_file, golden.type, old / golden.step * golden.step);
      append(made.new_file, golden.type, moved / golden.step * golden.step);
    }
  }
  if (golden.peaks != Peaks::none) add_peaks(golden, made);
  if (golden.halves) {
    make_halves(golden, made.new_file, 5, 0x54321);
    make_halves(golden, made.old_file, 5, 0x54345);
  }
  if (golden.waves) add_waves(golden, dice, made);
  if (golden.product) add_product(golden, made);
  if (golden.records) add_records(dice, made);
  if (golden.moved_words) add_moved_words(dice, made);
  for (uint32_t i = 0; i < golden.copied; ++i) {
    made.old_file.push_back(static_cast<uint8_t>(dice.next() >> 4));
    made.new_file.push_back(made.old_file.back());
  }
  return made;
}

}  // namespace godwit::delta
