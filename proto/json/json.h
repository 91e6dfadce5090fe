// Json: a checked JSON value for bytes that we do not trust and documents that we sign.
// Parsing bounds depth and refuses duplicate keys; access returns Result and never throws or
// aborts.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/result.h"

namespace godwit {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(int64_t{value}) {}
  Json(unsigned value) : value_(int64_t{value}) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value);
  Json(double value) : value_(value) {}
  Json(char const* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  static auto object(std::initializer_list<std::pair<std::string const, Json>> members = {})
      -> Json {
    return Json(Object(members));
  }
  static auto array(std::initializer_list<Json> items = {}) -> Json { return Json(Array(items)); }

  struct ParseOptions {
    size_t bytes_max = 1u << 20;
    bool integers_only = false;  // signed documents hold no floats
  };
  /// RFC 8259, UTF-8 only. `invalid` with the position on any error, past a limit, or on a
  /// duplicate key.
  static auto parse(std::string_view text, ParseOptions const& options) -> Result<Json>;
  static auto parse(std::string_view text) -> Result<Json> { return parse(text, ParseOptions()); }

  auto is_null() const -> bool { return std::holds_alternative<std::monostate>(value_); }
  auto is_object() const -> bool { return std::holds_alternative<Object>(value_); }
  auto is_array() const -> bool { return std::holds_alternative<Array>(value_); }
  auto is_string() const -> bool { return std::holds_alternative<std::string>(value_); }
  auto is_int() const -> bool { return std::holds_alternative<int64_t>(value_); }
  auto is_number() const -> bool { return is_int() || std::holds_alternative<double>(value_); }
  auto is_bool() const -> bool { return std::holds_alternative<bool>(value_); }
  auto operator==(Json const&) const -> bool = default;

  /// This value itself, if it has that type; else `invalid`.
  auto as_string() const -> Result<std::string>;
  auto as_int() const -> Result<int64_t>;
  auto as_double() const -> Result<double>;  // integers too
  auto as_bool() const -> Result<bool>;

  /// The member, or null if there is none or this is no object.
  auto find(std::string_view key) const -> Json const*;
  /// A required member of that type; the error names the key.
  auto get_string(std::string_view key) const -> Result<std::string>;
  auto get_int(std::string_view key) const -> Result<int64_t>;
  auto get_double(std::string_view key) const -> Result<double>;
  auto get_bool(std::string_view key) const -> Result<bool>;
  auto get_object(std::string_view key) const -> Result<Json>;
  auto get_array(std::string_view key) const -> Result<Json>;
  /// An optional member: the default when it is absent or null; an error when its type is wrong.
  auto get_string_or(std::string_view key, std::string other) const -> Result<std::string>;
  auto get_int_or(std::string_view key, int64_t other) const -> Result<int64_t>;
  auto get_double_or(std::string_view key, double other) const -> Result<double>;
  auto get_bool_or(std::string_view key, bool other) const -> Result<bool>;

  /// The items of an array and members of an object; empty for anything else.
  auto items() const& -> Array const&;
  auto members() const& -> Object const&;
  /// Of a temporary: its own, so that a loop over them does not outlive them.
  auto items() && -> Array;
  auto members() && -> Object;
  /// Sets a member; this becomes an object if it was none.
  void set(std::string_view key, Json value);
  void push_back(Json value);
  auto size() const -> size_t;

  /// Compact text with sorted keys, or indented by `indent` spaces.
  auto dump(int indent = 0) const -> std::string;
  /// OLPC canonical JSON (wiki.laptop.org/go/Canonical_JSON), what TUF signs: sorted keys, integers
  /// only, only `"` and `\` escaped. `invalid` when a float is inside.
  auto canonical() const -> Result<std::string>;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

}  // namespace godwit
