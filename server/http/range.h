// Range requests (RFC 9110, section 14): one range of bytes, or the whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace godwit::server {

struct ByteRange {
  enum class Kind { whole, part, unsatisfiable };
  Kind kind = Kind::whole;
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// Several ranges, another unit or bad syntax give the whole, as the standard lets a server do.
/// `if_range` is the header's value, or empty; a strong match with `etag` is needed.
auto choose_range(std::string_view range, std::string_view if_range, std::string_view etag,
                  uint64_t size) -> ByteRange;

/// Whether an If-Match or If-None-Match list names the entity tag; "*" names any.
auto etag_listed(std::string_view list, std::string_view etag) -> bool;

}  // namespace godwit::server
