#include "cli/core/output.h"

#include <algorithm>
#include <ostream>

#include "cli/core/jq.h"
#include "cli/core/pager.h"
#include "cli/core/terminal.h"

namespace godwit::cli {
namespace {

auto escape_code(Style style) -> char const* {
  switch (style) {
    case Style::plain:
      return "";
    case Style::good:
      return "\x1b[32m";
    case Style::bad:
      return "\x1b[31m";
    case Style::active:
      return "\x1b[33m";
    case Style::faint:
      return "\x1b[2m";
    case Style::strong:
      return "\x1b[1m";
  }
  return "";
}

auto select_path(Json const& json, std::string_view path) -> Json {
  Json const* at = &json;
  while (at && !path.empty()) {
    size_t const dot = path.find('.');
    at = at->find(path.substr(0, dot));
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return at ? *at : Json();
}

void print_json(Context& context, Json const& json, int indent) {
  if (context.jq.empty()) {
    context.out << json.dump(indent) << '\n';
    return;
  }
  auto const filtered = filter_json(context, json);
  if (filtered) {
    context.out << *filtered;
    return;
  }
  context.err << "godwit: " << printable(filtered.error().what) << std::endl;
  if (context.exit == Exit::good) context.exit = Exit::error;
}

void print_table(Context& context, Table const& table) {
  auto const lines = table.lines(use_color(context));
  if (page(lines)) return;
  for (auto const& line : lines) context.out << line << '\n';
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  CHECK(columns_.empty() || row.size() == columns_.size());
  for (Cell& cell : row) cell.text = printable(cell.text, false);
  rows_.push_back(std::move(row));
}

auto Table::lines(bool color, size_t columns_max) const -> std::vector<std::string> {
  std::vector<std::vector<Cell>> all;
  if (!columns_.empty()) {
    std::vector<Cell> titles;
    for (Column const& column : columns_) titles.emplace_back(column.title, Style::strong);
    all.push_back(std::move(titles));
  }
  all.insert(all.end(), rows_.begin(), rows_.end());

  std::vector<size_t> widths;
  for (auto const& row : all) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i].shown()));
  }

  std::vector<std::string> out;
  for (auto const& row : all) {
    std::string line;
    size_t column = 0;  // where the line stands
    size_t start = 0;   // where this cell's column begins
    for (size_t i = 0; i < row.size(); ++i) {
      auto const text = row[i].shown();
      bool const right = i < columns_.size() && columns_[i].align == Align::right;
      size_t const indent = start + (right ? widths[i] - display_width(text) : 0);
      start += widths[i] + 2;
      if (text.empty()) continue;
      if (columns_max && indent >= columns_max) break;
      auto const shown = columns_max ? shortened(text, columns_max - indent) : text;
      line.append(indent - column, ' ');
      line += styled(shown, row[i].style, color);
      column = indent + display_width(shown);
    }
    out.push_back(std::move(line));
  }
  return out;
}

auto Table::tsv() const -> std::string {
  std::string out;
  for (auto const& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) out += (i ? "\t" : "") + row[i].text;
    out += '\n';
  }
  return out;
}

auto Table::names() const -> std::string {
  std::string out;
  for (auto const& row : rows_) out += row.empty() ? "\n" : row.front().text + "\n";
  return out;
}

auto output_mode(Context const& context) -> OutputMode {
  if (context.mode != OutputMode::automatic) return context.mode;
  return stdout_is_terminal() ? OutputMode::table : OutputMode::tsv;
}

void print_list(Context& context, Json const& items, Table const& table) {
  auto const mode = output_mode(context);
  if (mode == OutputMode::json) {
    auto const selected = select_fields(items, context.fields);
    print_json(context, Json::object({{"items", selected}}), 2);
  } else if (mode == OutputMode::jsonl) {
    for (Json const& item : items.items())
      print_json(context, select_fields(item, context.fields), 0);
  } else if (context.quiet) {
    context.out << table.names();
  } else if (mode == OutputMode::tsv) {
    context.out << table.tsv();
  } else {
    print_table(context, table);
  }
}

void print_object(Context& context, Json const& object, Table const& table, std::string_view name) {
  auto const mode = output_mode(context);
  if (mode == OutputMode::json || mode == OutputMode::jsonl) {
    auto const selected = select_fields(object, context.fields);
    print_json(context, selected, mode == OutputMode::json ? 2 : 0);
  } else if (context.quiet) {
    if (!name.empty()) context.out << printable(name, false) << '\n';
  } else if (mode == OutputMode::tsv) {
    context.out << table.tsv();
  } else {
    print_table(context, table);
  }
}

void say(Context& context, std::string_view line) {
  if (!context.quiet) context.err << printable(line) << std::endl;
}

auto select_fields(Json const& json, std::vector<std::string> const& fields) -> Json {
  if (fields.empty()) return json;
  if (json.is_array()) {
    Json out = Json::array();
    for (Json const& item : json.items()) out.push_back(select_fields(item, fields));
    return out;
  }
  Json out = Json::object();
  for (auto const& field : fields) out.set(field, select_path(json, field));
  return out;
}

auto styled(std::string_view text, Style style, bool color) -> std::string {
  if (!color || style == Style::plain) return std::string(text);
  return escape_code(style) + std::string(text) + "\x1b[0m";
}

}  // namespace godwit::cli
