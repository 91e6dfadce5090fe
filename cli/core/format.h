// Numbers, sizes and times as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/core/output.h"

namespace godwit::cli {

/// 812 B, 96.4 kB, 1.2 MB (powers of 1000).
auto format_bytes(int64_t bytes) -> std::string;
/// 850 us, 18.9 ms, 1.25 s.
auto format_us(int64_t microseconds) -> std::string;
/// 0.8715 -> "87.15 %".
auto format_share(double share) -> std::string;
/// 42s, 12m, 3h12m, 5d.
auto format_duration(int64_t seconds) -> std::string;
/// "12s ago" for an RFC 3339 time in UTC; the text itself if it is none.
auto format_age(std::string_view time, int64_t now_s) -> std::string;

/// Seconds since 1970 of an RFC 3339 time in UTC ("2026-01-02T03:04:05Z", with any fraction).
auto parse_time(std::string_view text) -> std::optional<int64_t>;
/// "90", "90s", "15m", "2h", "1d" to seconds.
auto parse_duration(std::string_view text) -> Result<int64_t>;

/// How a state of an attempt or a rollout is shown: glyph and colour, never colour alone.
auto state_cell(std::string_view state) -> Cell;

}  // namespace godwit::cli
