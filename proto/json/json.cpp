#include "proto/json/json.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace godwit {
namespace {

auto missing(std::string_view key) -> Error {
  return invalid("'" + std::string(key) + "' is missing");
}

template <typename T, typename Convert>
auto required(Json const& json, std::string_view key, Convert convert) -> Result<T> {
  Json const* member = json.find(key);
  if (!member || member->is_null()) return missing(key);
  return convert(*member).within("'" + std::string(key) + "'");
}

template <typename T, typename Convert>
auto optional(Json const& json, std::string_view key, T other, Convert convert) -> Result<T> {
  Json const* member = json.find(key);
  if (!member || member->is_null()) return other;
  return convert(*member).within("'" + std::string(key) + "'");
}

void quote(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

void quote_canonical(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

auto format_double(double value) -> std::string {
  if (!std::isfinite(value)) return "null";
  char text[40];
  for (int precision : {15, 17}) {
    std::snprintf(text, sizeof text, "%.*g", precision, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  // A whole number keeps its fraction, so that it is read back as a double.
  std::string out = text;
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

void newline(std::string& out, int indent, int depth) {
  if (!indent) return;
  out += '\n';
  out.append(static_cast<size_t>(indent * depth), ' ');
}

void dump_to(std::string& out, Json const& json, int indent, int depth) {
  if (json.is_null()) {
    out += "null";
  } else if (json.is_bool()) {
    out += *json.as_bool() ? "true" : "false";
  } else if (json.is_int()) {
    out += std::to_string(*json.as_int());
  } else if (json.is_number()) {
    out += format_double(*json.as_double());
  } else if (json.is_string()) {
    quote(out, *json.as_string());
  } else {
    bool const object = json.is_object();
    out += object ? '{' : '[';
    bool first = true;
    auto const separate = [&] {
      if (!first) out += ',';
      first = false;
      newline(out, indent, depth + 1);
    };
    for (auto const& item : json.items()) {
      separate();
      dump_to(out, item, indent, depth + 1);
    }
    for (auto const& [key, value] : json.members()) {
      separate();
      quote(out, key);
      out += indent ? ": " : ":";
      dump_to(out, value, indent, depth + 1);
    }
    if (!first) newline(out, indent, depth);
    out += object ? '}' : ']';
  }
}

auto canonical_to(std::string& out, Json const& json) -> Result<> {
  if (json.is_string()) {
    quote_canonical(out, *json.as_string());
  } else if (json.is_array()) {
    out += '[';
    for (size_t i = 0; i < json.items().size(); ++i) {
      if (i) out += ',';
      TRY_VOID(canonical_to(out, json.items()[i]));
    }
    out += ']';
  } else if (json.is_object()) {
    out += '{';
    bool first = true;
    for (auto const& [key, value] : json.members()) {
      if (!first) out += ',';
      first = false;
      quote_canonical(out, key);
      out += ':';
      TRY_VOID(canonical_to(out, value));
    }
    out += '}';
  } else if (json.is_number() && !json.is_int()) {
    return invalid("canonical JSON holds no floats");
  } else {
    dump_to(out, json, 0, 0);
  }
  return {};
}

}  // namespace

Json::Json(uint64_t value) {
  // Counters beyond 63 bits do not occur; saturate rather than turn negative.
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  value_ = static_cast<int64_t>(value < kMax ? value : kMax);
}

auto Json::as_string() const -> Result<std::string> {
  if (auto const* text = std::get_if<std::string>(&value_)) return *text;
  return invalid("is not a string");
}
auto Json::as_int() const -> Result<int64_t> {
  if (auto const* number = std::get_if<int64_t>(&value_)) return *number;
  return invalid("is not an integer");
}
auto Json::as_double() const -> Result<double> {
  if (auto const* number = std::get_if<int64_t>(&value_)) return static_cast<double>(*number);
  if (auto const* number = std::get_if<double>(&value_)) return *number;
  return invalid("is not a number");
}
auto Json::as_bool() const -> Result<bool> {
  if (auto const* truth = std::get_if<bool>(&value_)) return *truth;
  return invalid("is not true or false");
}

auto Json::find(std::string_view key) const -> Json const* {
  auto const& all = members();
  auto const found = all.find(key);
  return found == all.end() ? nullptr : &found->second;
}

auto Json::get_string(std::string_view key) const -> Result<std::string> {
  return required<std::string>(*this, key, [](Json const& j) { return j.as_string(); });
}
auto Json::get_int(std::string_view key) const -> Result<int64_t> {
  return required<int64_t>(*this, key, [](Json const& j) { return j.as_int(); });
}
auto Json::get_double(std::string_view key) const -> Result<double> {
  return required<double>(*this, key, [](Json const& j) { return j.as_double(); });
}
auto Json::get_bool(std::string_view key) const -> Result<bool> {
  return required<bool>(*this, key, [](Json const& j) { return j.as_bool(); });
}
auto Json::get_object(std::string_view key) const -> Result<Json> {
  return required<Json>(*this, key, [](Json const& j) -> Result<Json> {
    if (!j.is_object()) return invalid("is not an object");
    return j;
  });
}
auto Json::get_array(std::string_view key) const -> Result<Json> {
  return required<Json>(*this, key, [](Json const& j) -> Result<Json> {
    if (!j.is_array()) return invalid("is not an array");
    return j;
  });
}

auto Json::get_string_or(std::string_view key, std::string other) const -> Result<std::string> {
  return optional<std::string>(*this, key, std::move(other),
                               [](Json const& j) { return j.as_string(); });
}
auto Json::get_int_or(std::string_view key, int64_t other) const -> Result<int64_t> {
  return optional<int64_t>(*this, key, other, [](Json const& j) { return j.as_int(); });
}
auto Json::get_double_or(std::string_view key, double other) const -> Result<double> {
  return optional<double>(*this, key, other, [](Json const& j) { return j.as_double(); });
}
auto Json::get_bool_or(std::string_view key, bool other) const -> Result<bool> {
  return optional<bool>(*this, key, other, [](Json const& j) { return j.as_bool(); });
}

auto Json::items() const& -> Array const& {
  static Array const kEmpty;
  auto const* array = std::get_if<Array>(&value_);
  return array ? *array : kEmpty;
}
auto Json::members() const& -> Object const& {
  static Object const kEmpty;
  auto const* object = std::get_if<Object>(&value_);
  return object ? *object : kEmpty;
}

auto Json::items() && -> Array {
  auto* array = std::get_if<Array>(&value_);
  return array ? std::move(*array) : Array();
}
auto Json::members() && -> Object {
  auto* object = std::get_if<Object>(&value_);
  return object ? std::move(*object) : Object();
}

void Json::set(std::string_view key, Json value) {
  if (!is_object()) value_ = Object();
  std::get_if<Object>(&value_)->insert_or_assign(std::string(key), std::move(value));
}
void Json::push_back(Json value) {
  if (!is_array()) value_ = Array();
  std::get_if<Array>(&value_)->push_back(std::move(value));
}
auto Json::size() const -> size_t {
  return is_array() ? items().size() : members().size();
}

auto Json::dump(int indent) const -> std::string {
  std::string out;
  dump_to(out, *this, indent, 0);
  return out;
}

auto Json::canonical() const -> Result<std::string> {
  std::string out;
  TRY_VOID(canonical_to(out, *this));
  return out;
}

}  // namespace godwit
