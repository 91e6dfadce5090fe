// A request's target, taken apart: path segments and query parameters, percent-decoded.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/result.h"

namespace godwit::server {

struct Target {
  std::vector<std::string> segments;  // "/api/v1" -> {"api", "v1"}
  std::map<std::string, std::string, std::less<>> query;
};

/// Origin form only. `invalid` for anything malformed, control characters, text that is not UTF-8,
/// "." and ".." segments, and a parameter given twice.
auto parse_target(std::string_view text) -> Result<Target>;
/// Percent-decoding; in queries '+' is a space.
auto percent_decode(std::string_view text, bool plus_is_space) -> Result<std::string>;

}  // namespace godwit::server
