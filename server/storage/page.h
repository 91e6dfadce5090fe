// Keyset pages: one row more than asked for tells whether there is a next page.
#pragma once

#include <algorithm>
#include <charconv>

#include "proto/base/limits.h"
#include "server/domain/entities.h"
#include "server/storage/db.h"

namespace godwit::server::store {

inline auto page_limit(PageRequest const& page) -> size_t {
  return std::clamp<size_t>(page.limit, 1, limits::kPageItemsMax);
}

/// A cursor that is a number, with the start for an empty one.
inline auto number_cursor(PageRequest const& page, int64_t start) -> Result<int64_t> {
  if (page.cursor.empty()) return start;
  int64_t value = 0;
  auto const* end = page.cursor.data() + page.cursor.size();
  auto const parsed = std::from_chars(page.cursor.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return invalid("not a cursor of this list");
  return value;
}

/// Reads rows of a query that had LIMIT page_limit + 1. `key` names the cursor behind an item.
template <typename T, typename Read, typename Key>
auto read_page(Rows const& rows, size_t limit, Read const& read, Key const& key) -> Page<T> {
  Page<T> page;
  for (size_t i = 0; i < std::min(rows.size(), limit); ++i) {
    auto row = rows[i];
    page.items.push_back(read(row));
  }
  if (rows.size() > limit) page.next = key(page.items.back());
  return page;
}

}  // namespace godwit::server::store
