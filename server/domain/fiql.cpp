#include "server/domain/fiql.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace godwit::server {
namespace {

using Field = Comparison::Field;

constexpr size_t kFilterBytesMax = 4096;
constexpr size_t kDepthMax = 16;
constexpr size_t kComparisonsMax = 128;

constexpr std::pair<std::string_view, Field> kFields[] = {
    {"id", Field::id},
    {"hardware_id", Field::hardware_id},
    {"arch", Field::arch},
    {"engine_version", Field::engine_version},
    {"ram_bytes", Field::ram_bytes},
    {"flash_bytes", Field::flash_bytes},
    {"online", Field::online},
    {"tag", Field::tag},
};

constexpr std::pair<std::string_view, FilterOp> kOps[] = {
    {"==", FilterOp::eq},   {"!=", FilterOp::ne},     {"=lt=", FilterOp::lt},
    {"=le=", FilterOp::le}, {"=gt=", FilterOp::gt},   {"=ge=", FilterOp::ge},
    {"=in=", FilterOp::in}, {"=out=", FilterOp::out},
};

constexpr std::string_view kReserved = "\"'();,=!~<> ";

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  auto whole() -> Result<FilterNode> {
    skip_space();
    if (at_ == text_.size()) return FilterNode{FilterNode::All{}};
    TRY(auto node, any(0));
    if (at_ != text_.size()) return error("an operator was expected");
    return node;
  }

 private:
  auto error(std::string_view what) const -> Error {
    return invalid("filter: " + std::string(what) + " at position " + std::to_string(at_ + 1));
  }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  auto take(std::string_view token) -> bool {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  /// ';' or the word, "and" for both: RSQL allows either.
  auto take_joint(char symbol, std::string_view word) -> bool {
    skip_space();
    bool const found = take({&symbol, 1}) || take(word);
    if (found) skip_space();
    return found;
  }

  auto any(size_t depth) -> Result<FilterNode> {
    FilterNode::Any parts;
    do {
      TRY(auto part, all(depth));
      parts.parts.push_back(std::move(part));
    } while (take_joint(',', "or "));
    if (parts.parts.size() == 1) return std::move(parts.parts[0]);
    return FilterNode{std::move(parts)};
  }

  auto all(size_t depth) -> Result<FilterNode> {
    FilterNode::All parts;
    do {
      TRY(auto part, one(depth));
      parts.parts.push_back(std::move(part));
    } while (take_joint(';', "and "));
    if (parts.parts.size() == 1) return std::move(parts.parts[0]);
    return FilterNode{std::move(parts)};
  }

  auto one(size_t depth) -> Result<FilterNode> {
    if (depth == kDepthMax) return error("too many nested parentheses");
    skip_space();
    if (!take("(")) return comparison();
    TRY(auto node, any(depth + 1));
    skip_space();
    if (!take(")")) return error("')' was expected");
    return node;
  }

  auto comparison() -> Result<FilterNode> {
    if (++comparisons_ > kComparisonsMax) return error("too many comparisons");
    Comparison c;
    TRY_VOID(selector(c));
    auto const op = std::find_if(std::begin(kOps), std::end(kOps),
                                 [&](auto const& entry) { return take(entry.first); });
    if (op == std::end(kOps))
      return error("one of == != =lt= =le= =gt= =ge= =in= =out= was expected");
    c.op = op->second;
    if (c.op == FilterOp::in || c.op == FilterOp::out) {
      if (!take("(")) return error("'(' was expected");
      do {
        TRY(auto item, value());
        c.values.push_back(std::move(item));
      } while (take(","));
      if (!take(")")) return error("')' was expected");
    } else {
      TRY(auto item, value());
      c.values.push_back(std::move(item));
    }
    TRY_VOID(check(c));
    return FilterNode{std::move(c)};
  }

  auto selector(Comparison& c) -> Result<> {
    auto const start = at_;
    auto const word = plain();
    if (word.empty()) return error("a field was expected");
    for (auto const& [name, field] : kFields)
      if (word == name) {
        c.field = field;
        return {};
      }
    for (auto const& [prefix, field] :
         {std::pair("attribute.", Field::attribute), std::pair("component.", Field::component)})
      if (word.starts_with(prefix) && word.size() > std::string_view(prefix).size()) {
        c.field = field;
        c.key = word.substr(std::string_view(prefix).size());
        return {};
      }
    at_ = start;
    return error("unknown field '" + word.substr(0, 64) + "'");
  }

  auto plain() -> std::string {
    auto const start = at_;
    while (at_ < text_.size() && kReserved.find(text_[at_]) == std::string_view::npos) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  auto value() -> Result<std::string> {
    if (at_ == text_.size()) return error("a value was expected");
    char const quote = text_[at_];
    if (quote != '\'' && quote != '"') {
      auto word = plain();
      if (word.empty()) return error("a value was expected");
      return word;
    }
    std::string word;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      word += text_[at_];
    }
    if (at_ == text_.size()) return error("the quote is not closed");
    ++at_;
    return word;
  }

  auto check(Comparison const& c) const -> Result<> {
    bool const ordered = c.op >= FilterOp::lt && c.op <= FilterOp::ge;
    if (ordered && !is_numeric(c.field)) return error("only numbers are ordered");
    for (auto const& item : c.values) {
      if (item.find('\0') != std::string::npos) return error("a zero byte");
      if (c.field == Field::online && item != "true" && item != "false")
        return error("'online' is true or false");
      int64_t number = 0;
      auto const [end, code] = std::from_chars(item.data(), item.data() + item.size(), number);
      if (is_numeric(c.field) && (code != std::errc() || end != item.data() + item.size()))
        return error("a number was expected");
    }
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t comparisons_ = 0;
};

/// '*' stands for any text, of any length.
auto wildcard(std::string_view pattern, std::string_view text) -> bool {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

auto number_matches(Comparison const& c, uint64_t value) -> bool {
  auto const is = [&](std::string const& item) {
    int64_t number = 0;
    std::from_chars(item.data(), item.data() + item.size(), number);
    auto const mine = static_cast<int64_t>(value);
    switch (c.op) {
      case FilterOp::lt:
        return mine < number;
      case FilterOp::le:
        return mine <= number;
      case FilterOp::gt:
        return mine > number;
      case FilterOp::ge:
        return mine >= number;
      default:
        return mine == number;
    }
  };
  bool const found = std::any_of(c.values.begin(), c.values.end(), is);
  return found != (c.op == FilterOp::ne || c.op == FilterOp::out);
}

/// A device may hold several texts (tags) or none (an attribute that it lacks): `!=` and `=out=`
/// hold when none of them equals any of the values.
auto texts_match(Comparison const& c, std::vector<std::string> const& texts) -> bool {
  bool found = false;
  for (auto const& text : texts)
    for (auto const& value : c.values) found = found || wildcard(value, text);
  return found != (c.op == FilterOp::ne || c.op == FilterOp::out);
}

auto comparison_matches(Comparison const& c, Device const& d) -> bool {
  switch (c.field) {
    case Field::id:
      return texts_match(c, {d.id});
    case Field::hardware_id:
      return texts_match(c, {d.hardware_id});
    case Field::arch:
      return texts_match(c, {d.arch});
    case Field::engine_version:
      return number_matches(c, d.engine_version);
    case Field::ram_bytes:
      return number_matches(c, d.ram_bytes);
    case Field::flash_bytes:
      return number_matches(c, d.flash_bytes);
    case Field::online:
      return texts_match(c, {d.online ? "true" : "false"});
    case Field::tag:
      return texts_match(c, d.tags);
    case Field::attribute: {
      auto const found = d.attributes.find(c.key);
      if (found == d.attributes.end()) return texts_match(c, {});
      return texts_match(c, {found->second});
    }
    case Field::component: {
      auto const found = d.components.find(c.key);
      if (found == d.components.end() || !found->second.version) return texts_match(c, {});
      return texts_match(c, {*found->second.version});
    }
  }
  return false;
}

}  // namespace

auto parse_filter(std::string_view text) -> Result<FilterNode> {
  if (text.size() > kFilterBytesMax) return invalid("filter: longer than 4096 bytes");
  return Parser(text).whole();
}

auto matches(FilterNode const& filter, Device const& device) -> bool {
  auto const one = [&](FilterNode const& part) { return matches(part, device); };
  if (auto const* all = std::get_if<FilterNode::All>(&filter.node))
    return std::all_of(all->parts.begin(), all->parts.end(), one);
  if (auto const* any = std::get_if<FilterNode::Any>(&filter.node))
    return std::any_of(any->parts.begin(), any->parts.end(), one);
  return comparison_matches(std::get<Comparison>(filter.node), device);
}

}  // namespace godwit::server
