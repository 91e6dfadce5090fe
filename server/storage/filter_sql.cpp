#include "server/storage/filter_sql.h"

namespace godwit::server::store {
namespace {

using Field = Comparison::Field;

/// '*' becomes LIKE's '%'; LIKE's own signs lose their meaning.
auto like_pattern(std::string const& value) -> std::string {
  std::string pattern;
  for (char c : value) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c == '*' ? '%' : c;
  }
  return pattern;
}

auto placeholder(std::vector<Param>& params, Param param) -> std::string {
  params.push_back(std::move(param));
  return "$" + std::to_string(params.size());
}

auto numbers(Comparison const& c, std::string const& column, std::vector<Param>& params)
    -> std::string {
  constexpr std::string_view kSigns[] = {"=", "<>", "<", "<=", ">", ">="};
  auto const number = [](std::string const& text) { return int64_t{std::stoll(text)}; };
  if (c.op != FilterOp::in && c.op != FilterOp::out)
    return column + " " + std::string(kSigns[static_cast<size_t>(c.op)]) + " " +
           placeholder(params, number(c.values[0])) + "::bigint";
  std::vector<int64_t> all;
  for (auto const& value : c.values) all.push_back(number(value));
  auto const any = column + " = ANY(" + placeholder(params, all) + "::bigint[])";
  return c.op == FilterOp::out ? "NOT " + any : any;
}

/// Whether any of the device's texts matches any pattern; the texts come from a subquery `t`.
auto texts(Comparison const& c, std::string const& source, std::vector<Param>& params)
    -> std::string {
  std::vector<std::string> patterns;
  for (auto const& value : c.values) patterns.push_back(like_pattern(value));
  auto const exists = "EXISTS (SELECT 1 FROM " + source + " WHERE t LIKE ANY(" +
                      placeholder(params, patterns) + "::text[]))";
  bool const negative = c.op == FilterOp::ne || c.op == FilterOp::out;
  return negative ? "NOT " + exists : exists;
}

auto column(Comparison const& c, std::string const& name, std::vector<Param>& params)
    -> std::string {
  return texts(c, "(SELECT " + name + " AS t) AS text", params);
}

auto comparison_sql(Comparison const& c, std::vector<Param>& params) -> std::string {
  switch (c.field) {
    case Field::id:
      return column(c, "d.id::text", params);
    case Field::hardware_id:
      return column(c, "d.hardware_id", params);
    case Field::arch:
      return column(c, "d.arch", params);
    case Field::engine_version:
      return numbers(c, "d.engine_version", params);
    case Field::ram_bytes:
      return numbers(c, "d.ram", params);
    case Field::flash_bytes:
      return numbers(c, "d.flash", params);
    case Field::online:
      return column(c, "s.online::text", params);
    case Field::tag:
      return texts(c, "unnest(d.tags) AS t", params);
    case Field::attribute:
      return column(c, "d.attributes ->> " + placeholder(params, c.key) + "::text", params);
    case Field::component:
      return texts(c,
                   "(SELECT version::text AS t FROM device_component WHERE device_id = d.id"
                   " AND component = " +
                       placeholder(params, c.key) + "::text) AS text",
                   params);
  }
  return "false";
}

auto joined(std::vector<FilterNode> const& parts, std::string_view word, std::vector<Param>& params)
    -> std::string {
  std::string sql;
  for (auto const& part : parts) {
    if (!sql.empty()) sql += word;
    sql += filter_sql(part, params);
  }
  return "(" + sql + ")";
}

}  // namespace

auto filter_sql(FilterNode const& filter, std::vector<Param>& params) -> std::string {
  if (auto const* all = std::get_if<FilterNode::All>(&filter.node))
    return all->parts.empty() ? "true" : joined(all->parts, " AND ", params);
  if (auto const* any = std::get_if<FilterNode::Any>(&filter.node))
    return joined(any->parts, " OR ", params);
  return comparison_sql(std::get<Comparison>(filter.node), params);
}

}  // namespace godwit::server::store
