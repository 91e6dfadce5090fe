#include "cli/client/sse.h"

namespace godwit::cli {
namespace {

constexpr size_t kLineBytesMax = 1u << 20;
constexpr size_t kDataBytesMax = 4u << 20;

}  // namespace

auto EventParser::feed(std::string_view chunk,
                       std::function<Result<>(Event const&)> const& on_event) -> Result<> {
  for (char c : chunk) {
    bool const follows_return = std::exchange(after_return_, c == '\r');
    if (c == '\n' && follows_return) continue;
    if (c == '\n' || c == '\r') {
      TRY_VOID(end_line(on_event));
      continue;
    }
    if (line_.size() == kLineBytesMax) return corrupt("an event's line is too long");
    line_ += c;
  }
  return {};
}

auto EventParser::end_line(std::function<Result<>(Event const&)> const& on_event) -> Result<> {
  auto const whole = std::exchange(line_, {});
  std::string_view line = whole;
  if (std::exchange(first_line_, false) && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  if (line.empty()) {
    last_id_ = id_;
    Event event{.type = type_.empty() ? "message" : type_, .data = data_, .id = last_id_};
    bool const has_data = !data_.empty();
    type_.clear();
    data_.clear();
    if (!has_data) return {};
    event.data.pop_back();  // the line feed after the last line
    return on_event(event);
  }
  size_t const colon = line.find(':');
  auto const name = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data" && data_.size() + value.size() >= kDataBytesMax)
    return corrupt("an event is too large");
  field(name, value);
  return {};
}

void EventParser::field(std::string_view name, std::string_view value) {
  if (name == "event") type_ = value;
  if (name == "data") (data_ += value) += '\n';
  if (name == "id" && value.find('\0') == std::string_view::npos) id_ = value;
}

}  // namespace godwit::cli
