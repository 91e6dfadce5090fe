// Text as JSON and PostgreSQL take it: UTF-8 (RFC 3629).
#pragma once

#include <string>
#include <string_view>

namespace godwit {

/// Whole characters, each in its shortest form, no surrogates.
auto is_utf8(std::string_view text) -> bool;

/// At most `bytes_max` bytes of it, cut between two characters, with '?' for each byte that is no
/// text: for words that come from elsewhere and must not make a message unreadable.
auto as_utf8(std::string_view text, size_t bytes_max) -> std::string;

}  // namespace godwit
