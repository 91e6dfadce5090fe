// One piece of one row of a tensor, for encoder and decoder alike: predicts each element, codes it
// and, when decoding, writes it.
#pragma once

#include <cstring>

#include "proto/format/weights/factors.h"
#include "proto/format/weights/narrow_math.h"
#include "proto/format/weights/number_row_model.h"
#include "proto/format/weights/residual_model.h"
#include "proto/format/weights/segment.h"

namespace godwit::proto::weights {

constexpr uint32_t kColumnsMax = 8192;  // wider tensors are coded without columns' statistics
using RatioModel = NumberModel<18>;

/// A row's scaling factor, as its difference to the row before; out of bounds it is clamped.
template <typename Coder, typename Model>
auto code_ratio(Coder& coder, Model& model, int32_t before, int32_t ratio) -> int32_t {
  auto const coded = unfold(model.code(coder, fold(int64_t{ratio} - before)));
  return static_cast<int32_t>(std::clamp<int64_t>(before + coded, 0, kRatioMax));
}

/// Both spans are of the piece; `columns` of this and all further columns of the row, or empty.
/// Without a prediction from the old file `old` holds zeros.
template <typename Coder, template <size_t> typename Cells>
void code_narrow(Coder& coder, ResidualModel<Cells>& model, RowPrediction const& row,
                 std::span<int8_t const> old, std::span<int8_t> made, std::span<Column> columns) {
  Predictions<12> predictions;
  predict(row, old, predictions);
  Column* column = columns.data();
  size_t left = columns.size();
  for (size_t j = 0; j < made.size(); ++j) {
    int32_t const value = predictions.value[j];
    auto const residual = static_cast<int8_t>(static_cast<uint8_t>(made[j] - value));
    int32_t const coded = model.code(coder, {.old = old[j], .fraction = predictions.fraction[j]},
                                     residual, column, left);
    made[j] = static_cast<int8_t>(static_cast<uint8_t>(value + coded));
    if (left > 0) {
      ++column;
      --left;
    }
  }
}

inline auto form_of(Element element) -> FloatForm {
  switch (element) {
    case Element::fp16:
      return kHalfForm;
    case Element::bf16:
      return kBrainForm;
    case Element::fp32:
      return kSingleForm;
    case Element::int16:
      return {.bits = 16, .mantissa_bits = 0};
    default:
      return {.bits = 32, .mantissa_bits = 0};
  }
}

inline auto load(ByteView bytes) -> uint32_t {
  uint32_t v = 0;
  for (size_t i = 0; i < bytes.size(); ++i) v |= uint32_t{bytes[i]} << (8 * i);
  return v;
}
inline void store(uint32_t v, std::span<uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(v >> (8 * i));
}

/// The same of so many bytes, which compilers make one move of.
template <size_t kWidth>
auto load(uint8_t const* bytes) -> uint32_t {
  uint32_t v = 0;
  for (size_t i = 0; i < kWidth; ++i) v |= uint32_t{bytes[i]} << (8 * i);
  return v;
}
template <size_t kWidth>
void store(uint32_t v, uint8_t* bytes) {
  for (size_t i = 0; i < kWidth; ++i) bytes[i] = static_cast<uint8_t>(v >> (8 * i));
}

/// How a row of numbers is predicted; `moves` of the piece in 1/2^unit, or empty.
struct NumberRowPrediction {
  int32_t ratio = kRatioOne;
  std::span<int32_t const> moves{};
  uint32_t unit = 0;
};

template <size_t width, typename Coder, typename Model>
[[gnu::always_inline]] inline void code_numbers_by(Coder& coder, Model& model,
                                                   Segment const& segment,
                                                   NumberRowPrediction const& row, ByteView old,
                                                   std::span<uint8_t> made,
                                                   std::span<NumberColumn> columns) {
  FloatForm form = form_of(segment.element);
  form.bits -= segment.trailing;
  if (form.mantissa_bits > 0) form.mantissa_bits -= segment.trailing;
  auto const ratio = static_cast<uint32_t>(row.ratio) * (65536 / kRatioOne);
  for (size_t j = 0; j * width < made.size(); ++j) {
    auto const here = columns.empty() ? columns : columns.subspan(j);
    auto const out = made.subspan(j * width, width);
    uint32_t number = load<width>(out.data()) >> segment.trailing;
    if (segment.back > 0 || segment.waves) {
      number = model.code(coder, form, {.bits = load<width>(&old[j * width])}, number, here);
    } else if (segment.from_old) {
      NumberPrediction predicted{.bits = load<width>(&old[j * width]) >> segment.trailing};
      if (form.mantissa_bits > 0)
        predicted = predict_float(form, predicted.bits, ratio, row.moves.empty() ? 0 : row.moves[j],
                                  row.unit);
      number = model.code(coder, form, predicted, number, here);
    } else if (segment.further && form.mantissa_bits > 0) {
      number = model.code_by_magnitude(coder, form, number, here);
    } else {
      number = model.code_alone(coder, form, number, here);
    }
    store<width>(number << segment.trailing, out.data());
  }
}

template <size_t width, typename Coder, typename Model>
void code_numbers_of(Coder& coder, Model& model, Segment const& segment,
                     NumberRowPrediction const& row, ByteView old, std::span<uint8_t> made,
                     std::span<NumberColumn> columns) {
  if constexpr (requires { Model::kInRegisters; }) {
    Model here = model;
    code_numbers_by<width>(coder, here, segment, row, old, made, columns);
    model = here;
  } else {
    code_numbers_by<width>(coder, model, segment, row, old, made, columns);
  }
}

/// Like code_narrow, for elements of two or four bytes.
template <typename Coder, typename Model>
void code_numbers(Coder& coder, Model& model, Segment const& segment,
                  NumberRowPrediction const& row, ByteView old, std::span<uint8_t> made,
                  std::span<NumberColumn> columns) {
  if (element_bits(segment.element) == 16)
    code_numbers_of<2>(coder, model, segment, row, old, made, columns);
  else
    code_numbers_of<4>(coder, model, segment, row, old, made, columns);
}

/// Numbers as codes of a codebook, whose values are in order and told by their places in it
/// (in_order): by the nearest one. Codes are moved by 128.
inline void to_codes(FloatForm const& form, std::span<uint32_t const> codebook, ByteView stored,
                     std::span<int8_t> codes) {
  size_t const width = form.bits / 8;
  for (size_t j = 0; j < codes.size(); ++j) {
    uint32_t const place = in_order(form, load(stored.subspan(j * width, width)));
    auto at = std::lower_bound(codebook.begin(), codebook.end(), place);
    if (at == codebook.end() || (at != codebook.begin() && place - at[-1] < *at - place)) --at;
    codes[j] = static_cast<int8_t>(at - codebook.begin() - 128);
  }
}
inline void from_codes(FloatForm const& form, std::span<uint32_t const> codebook,
                       std::span<int8_t const> codes, std::span<uint8_t> stored) {
  size_t const width = form.bits / 8;
  for (size_t j = 0; j < codes.size(); ++j) {
    auto const code = std::min(static_cast<size_t>(codes[j] + 128), codebook.size() - 1);
    store(out_of_order(form, codebook[code]), stored.subspan(j * width, width));
  }
}

/// int8 as it is coded, from and to how it is stored. Unsigned bytes are moved by 128.
inline void unpack(Element element, ByteView stored, std::span<int8_t> values) {
  if (element == Element::int4) {
    for (size_t i = 0; i < values.size(); ++i) {
      uint32_t const half = (stored[i / 2] >> (i % 2 * 4)) & 15;
      values[i] = static_cast<int8_t>(static_cast<int32_t>(half ^ 8) - 8);
    }
    return;
  }
  std::memcpy(values.data(), stored.data(), values.size());
  if (element == Element::uint8)
    for (int8_t& value : values) value = static_cast<int8_t>(value ^ -128);
}
inline void pack(Element element, std::span<int8_t const> values, std::span<uint8_t> stored) {
  if (element == Element::int4) {
    for (size_t i = 0; i < stored.size(); ++i)
      stored[i] = static_cast<uint8_t>((values[2 * i] & 15) | (values[2 * i + 1] & 15) << 4);
    return;
  }
  std::memcpy(stored.data(), values.data(), stored.size());
  if (element == Element::uint8)
    for (uint8_t& byte : stored) byte = static_cast<uint8_t>(byte ^ 0x80);
}

}  // namespace godwit::proto::weights
