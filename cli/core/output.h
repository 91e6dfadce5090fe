// What commands print: the same data as an aligned table, tab-separated lines, JSON or JSON lines.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "cli/core/context.h"
#include "proto/json/json.h"

namespace godwit::cli {

enum class Style : uint8_t { plain, good, bad, active, faint, strong };

struct Cell {
  Cell(char const* cell_text) : text(cell_text) {}
  Cell(std::string cell_text, Style cell_style = Style::plain, char const* cell_glyph = "")
      : text(std::move(cell_text)), style(cell_style), glyph(cell_glyph) {}
  std::string text;
  Style style = Style::plain;
  std::string glyph;  // stands before the text in a table, for eyes that tell no colours

  auto shown() const -> std::string { return glyph.empty() ? text : glyph + " " + text; }
};

class Table {
 public:
  enum class Align : uint8_t { left, right };
  struct Column {
    Column(char const* column_title, Align column_align = Align::left)
        : title(column_title), align(column_align) {}
    std::string title;
    Align align;
  };

  /// Columns with titles; without any, rows of name and value.
  Table() = default;
  Table(std::initializer_list<Column> columns) : columns_(columns) {}
  void add(std::vector<Cell> row);
  auto size() const -> size_t { return rows_.size(); }

  /// Aligned, one line each, no trailing spaces. `columns_max` > 0 cuts longer lines.
  auto lines(bool color, size_t columns_max = 0) const -> std::vector<std::string>;
  /// Tab-separated, without the titles.
  auto tsv() const -> std::string;
  /// The first cell of each row, one a line.
  auto names() const -> std::string;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// The mode that `automatic` means here.
auto output_mode(Context const& context) -> OutputMode;

/// A list: {"items": `items`} or an item a line for machines, `table` for people. With -q names().
void print_list(Context& context, Json const& items, Table const& table);
/// One object: `object` for machines, `table` (rows of name and value) for people. With -q `name`.
void print_object(Context& context, Json const& object, Table const& table,
                  std::string_view name = {});
/// A line for a person, on standard error; not with -q.
void say(Context& context, std::string_view line);

/// Only these members (dotted paths) of an object, or of each object of an array; all if empty.
auto select_fields(Json const& json, std::vector<std::string> const& fields) -> Json;
/// `text` in that style, or as it is.
auto styled(std::string_view text, Style style, bool color) -> std::string;

}  // namespace godwit::cli
