// How operators of one byte become tables.
#pragma once

#include <functional>

#include "compiler/lower/lower.h"

namespace godwit::compiler {

struct ValueRange {
  int32_t low;
  int32_t high;
};
auto range_of(TfliteType type) -> ValueRange;

auto one_byte(TfliteType type) -> bool;

struct Unary {
  TfliteTensor const* input;
  TfliteTensor const* output;
};
/// One int8 input and one int8 output.
auto read_unary(Lowering const& lowering) -> Result<Unary>;

/// Makes output 0 from input 0 by a table of `value` over every byte that the input may hold.
/// `value` gives what fits the output's type.
auto lower_table(Lowering& lowering, TfliteTensor const& input, TfliteTensor const& output,
                 std::function<double(int32_t)> const& value) -> Result<>;

/// Makes output 0 by a function of real numbers: dequantised, computed in float, and quantised
/// again.
auto lower_real(Lowering& lowering, float (*function)(float)) -> Result<>;

/// What QUANTIZE makes of a value.
auto requantise(TfliteTensor const& from, TfliteTensor const& to, proto::Rounding rounding)
    -> std::function<double(int32_t)>;

/// `value`, which is `from`, in the scale of `to`: itself where both mean the same, else by a
/// table.
auto requantised(Lowering& lowering, uint32_t value, TfliteTensor const& from,
                 TfliteTensor const& to) -> Result<uint32_t>;

}  // namespace godwit::compiler
