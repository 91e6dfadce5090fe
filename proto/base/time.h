// Times as metadata and the REST interface write them: RFC 3339, UTC, whole seconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/result.h"

namespace godwit {

/// "2026-01-31T23:59:59Z"; years 1970 to 9999, else the nearest end of that range.
auto format_time(int64_t unix_s) -> std::string;
/// Exactly that form; `invalid` for anything else, and for a day or second that does not exist.
auto parse_time(std::string_view text) -> Result<int64_t>;

}  // namespace godwit
