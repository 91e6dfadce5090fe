#include "proto/trust/metadata_common.h"

#include "proto/base/time.h"

namespace godwit::proto {

constexpr std::string_view kSpecVersion = "1.0.34";

auto parse_head(Json const& body, std::string_view type) -> Result<Head> {
  Head head;
  TRY(auto written_type, body.get_string("_type"));
  if (written_type != type) return invalid("not a document of type '" + std::string(type) + "'");
  TRY(auto spec, body.get_string("spec_version"));
  if (!spec.starts_with("1.")) return invalid("'spec_version' is not 1.x");
  TRY(head.version, get_bounded(body, "version", 1, INT64_MAX));
  TRY(auto expires, body.get_string("expires"));
  TRY(head.expires_s, parse_time(expires).within("'expires'"));
  return head;
}

auto head_json(std::string_view type, int64_t version, int64_t expires_s) -> Json {
  return Json::object({{"_type", type},
                       {"spec_version", kSpecVersion},
                       {"version", version},
                       {"expires", format_time(expires_s)}});
}

auto get_bounded(Json const& json, std::string_view key, int64_t least, int64_t most)
    -> Result<int64_t> {
  TRY(auto value, json.get_int(key));
  if (value < least || value > most) return invalid("'" + std::string(key) + "' is out of range");
  return value;
}

auto get_short(Json const& json, std::string_view key, std::string other) -> Result<std::string> {
  constexpr size_t kBytesMax = 128;
  TRY(auto text, json.get_string_or(key, std::move(other)));
  if (text.size() > kBytesMax) return invalid("'" + std::string(key) + "' is too long");
  return text;
}

}  // namespace godwit::proto
