#include "cli/view/fields.h"

#include <cmath>
#include <cstdio>

#include "cli/core/format.h"

namespace godwit::cli {
namespace {

constexpr char kNone[] = "-";

auto find(Json const& json, std::string_view path) -> Json const* {
  Json const* at = &json;
  while (at && !path.empty()) {
    size_t const dot = path.find('.');
    at = at->find(path.substr(0, dot));
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return at && !at->is_null() ? at : nullptr;
}

auto scalar(Json const& value) -> std::string {
  if (auto const string = value.as_string()) return *string;
  if (auto const integer = value.as_int()) return std::to_string(*integer);
  if (auto const real = value.as_double()) return plain_number(*real);
  if (auto const boolean = value.as_bool()) return *boolean ? "yes" : "no";
  return kNone;
}

}  // namespace

auto text(Json const& json, std::string_view path) -> std::string {
  auto const* found = find(json, path);
  auto out = found ? scalar(*found) : "";
  return out.empty() ? kNone : out;
}

auto number(Json const& json, std::string_view path) -> int64_t {
  auto const* found = find(json, path);
  return found ? found->as_int().value_or(0) : 0;
}

auto fraction(Json const& json, std::string_view path) -> std::optional<double> {
  auto const* found = find(json, path);
  if (!found || !found->is_number()) return std::nullopt;
  return *found->as_double();
}

auto size_text(Json const& json, std::string_view path) -> std::string {
  auto const* found = find(json, path);
  if (!found || !found->is_int()) return kNone;
  return format_bytes(*found->as_int());
}

auto age_text(Json const& json, std::string_view path, int64_t now_s) -> std::string {
  auto const* found = find(json, path);
  if (!found || !found->is_string()) return kNone;
  return format_age(*found->as_string(), now_s);
}

auto joined(Json const& json, std::string_view path) -> std::string {
  auto const* found = find(json, path);
  if (!found) return kNone;
  std::string out;
  for (Json const& item : found->items()) out += (out.empty() ? "" : ", ") + scalar(item);
  for (auto const& [name, value] : found->members())
    out += (out.empty() ? "" : ", ") + name + "=" + scalar(value);
  return out.empty() ? kNone : out;
}

auto plain_number(double value) -> std::string {
  char out[40];
  std::snprintf(out, sizeof out, "%.6g", value);
  return out;
}

}  // namespace godwit::cli
