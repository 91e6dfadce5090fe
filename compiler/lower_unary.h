// How operators of one byte become tables.
#pragma once

#include <functional>

#include "compiler/lower.h"

namespace godwit::compiler {

struct ValueRange {
  int32_t low;
  int32_t high;
};
auto range_of(TfliteType type) -> ValueRange;

auto one_byte(TfliteType type) -> bool;

/// Makes output 0 from input 0 by a table of `value` over every byte that the input may hold.
/// `value` gives what fits the output's type.
auto lower_table(Lowering& lowering, TfliteTensor const& input, TfliteTensor const& output,
                 std::function<double(int32_t)> const& value) -> Result<>;

}  // namespace godwit::compiler
