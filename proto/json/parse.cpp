// Json::parse on nlohmann's SAX parser, which checks the grammar and UTF-8; the limits are ours.
#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

#include "proto/base/limits.h"
#include "proto/json/json.h"

namespace godwit {
namespace {

class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(bool integers_only) : integers_only_(integers_only) {}

  auto null() -> bool override { return add(Json()); }
  auto boolean(bool value) -> bool override { return add(Json(value)); }
  auto number_integer(number_integer_t value) -> bool override { return add(Json(int64_t{value})); }
  auto number_unsigned(number_unsigned_t value) -> bool override {
    if (value > static_cast<uint64_t>(INT64_MAX))
      return integers_only_ ? fail("a number beyond 63 bits")
                            : add(Json(static_cast<double>(value)));
    return add(Json(static_cast<int64_t>(value)));
  }
  auto number_float(number_float_t value, string_t const&) -> bool override {
    return integers_only_ ? fail("a float where only integers may stand") : add(Json(value));
  }
  auto string(string_t& value) -> bool override { return add(Json(std::move(value))); }
  auto binary(binary_t&) -> bool override { return fail("binary data"); }
  auto start_object(size_t) -> bool override { return open(Json(Json::Object())); }
  auto start_array(size_t) -> bool override { return open(Json(Json::Array())); }
  auto end_object() -> bool override { return close(); }
  auto end_array() -> bool override { return close(); }
  auto key(string_t& value) -> bool override {
    if (stack_.back().json.find(value)) return fail("duplicate key '" + value.substr(0, 64) + "'");
    stack_.back().key = std::move(value);
    return true;
  }
  auto parse_error(size_t position, std::string const&, nlohmann::detail::exception const&)
      -> bool override {
    return fail("not JSON at byte " + std::to_string(position));
  }

  auto take() -> Json { return std::move(root_); }
  auto why() const -> std::string const& { return why_; }

 private:
  struct Frame {
    Json json;
    std::string key;
  };
  auto fail(std::string why) -> bool {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }
  auto open(Json json) -> bool {
    if (stack_.size() >= limits::kJsonDepthMax) return fail("nested too deeply");
    stack_.push_back({std::move(json), {}});
    return true;
  }
  auto close() -> bool {
    Json done = std::move(stack_.back().json);
    stack_.pop_back();
    return add(std::move(done));
  }
  auto add(Json value) -> bool {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (auto& top = stack_.back(); top.json.is_object()) {
      top.json.set(top.key, std::move(value));
    } else {
      top.json.push_back(std::move(value));
    }
    return true;
  }
  bool integers_only_;
  std::vector<Frame> stack_;
  Json root_;
  std::string why_;
};

}  // namespace

auto Json::parse(std::string_view text, ParseOptions const& options) -> Result<Json> {
  if (text.size() > options.bytes_max)
    return invalid("JSON of " + std::to_string(text.size()) + " bytes, at most " +
                   std::to_string(options.bytes_max) + " are taken");
  Builder builder(options.integers_only);
  // strict = true: nothing may follow the value. nlohmann would skip a byte order mark; RFC 8259
  // need not.
  if (text.starts_with("\xEF\xBB\xBF")) return invalid("JSON begins with a byte order mark");
  // nlohmann takes a NUL for the end and would not see what follows.
  if (text.find('\0') != std::string_view::npos) return invalid("JSON holds a NUL byte");
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder,
                                 nlohmann::json::input_format_t::json, true))
    return invalid(builder.why().empty() ? "not JSON" : builder.why());
  return builder.take();
}

}  // namespace godwit
