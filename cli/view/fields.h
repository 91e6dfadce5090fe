// Members of the server's answers as text for a table. A member that is absent or of another type
// shows as "-": a newer server must not break what is only shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/json/json.h"

namespace godwit::cli {

/// A string, number or boolean by a dotted path.
auto text(Json const& json, std::string_view path) -> std::string;
/// 0 when it is no number.
auto number(Json const& json, std::string_view path) -> int64_t;
auto fraction(Json const& json, std::string_view path) -> std::optional<double>;
/// A size in bytes, as people read it.
auto size_text(Json const& json, std::string_view path) -> std::string;
/// How long ago a time was.
auto age_text(Json const& json, std::string_view path, int64_t now_s) -> std::string;
/// Strings of an array, or name=value of an object, joined by ", ".
auto joined(Json const& json, std::string_view path) -> std::string;
/// 20 for 20.0, 12.5 for 12.5.
auto plain_number(double value) -> std::string;

}  // namespace godwit::cli
