// What the bodies of all metadata share: the first four fields, and bounded numbers.
#pragma once

#include "proto/json/json.h"

namespace godwit::proto {

struct Head {
  int64_t version = 1;
  int64_t expires_s = 0;
};
/// `_type`, `spec_version` (major 1), `version` (from 1) and `expires`.
auto parse_head(Json const& body, std::string_view type) -> Result<Head>;
auto head_json(std::string_view type, int64_t version, int64_t expires_s) -> Json;

/// A required integer from `least` to `most`.
auto get_bounded(Json const& json, std::string_view key, int64_t least, int64_t most)
    -> Result<int64_t>;
/// An optional string of at most 128 bytes.
auto get_short(Json const& json, std::string_view key, std::string other) -> Result<std::string>;

}  // namespace godwit::proto
