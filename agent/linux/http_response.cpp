#include "agent/linux/http_response.h"

#include <algorithm>
#include <charconv>

namespace godwit::agent {
namespace {

constexpr uint64_t kLengthMax = 1ull << 62;

auto lower(char c) -> char {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

auto same(std::string_view a, std::string_view b) -> bool {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

auto is_token(std::string_view text) -> bool {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

auto trim(std::string_view text) -> std::string_view {
  auto const blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Digits alone, in full.
auto number(std::string_view text, int base = 10) -> Result<uint64_t> {
  uint64_t value = 0;
  auto const* end = text.data() + text.size();
  auto const [at, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || at != end || value > kLengthMax) return corrupt("HTTP: bad number");
  return value;
}

/// "bytes FIRST-LAST/TOTAL", the total perhaps "*".
auto content_range(std::string_view text) -> Result<ContentRange> {
  constexpr std::string_view kUnit = "bytes ";
  auto const dash = text.find('-');
  auto const slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == text.npos || slash == text.npos || dash > slash)
    return corrupt("HTTP: bad Content-Range");
  ContentRange range;
  TRY(range.first, number(text.substr(kUnit.size(), dash - kUnit.size())));
  TRY(range.last, number(text.substr(dash + 1, slash - dash - 1)));
  if (auto const total = text.substr(slash + 1); total != "*") {
    TRY(auto const bytes, number(total));
    if (range.last >= bytes) return corrupt("HTTP: Content-Range past its end");
  }
  if (range.first > range.last) return corrupt("HTTP: Content-Range backwards");
  return range;
}

void take_connection(std::string_view value, HttpHead& head) {
  while (!value.empty()) {
    auto const comma = std::min(value.find(','), value.size());
    auto const word = trim(value.substr(0, comma));
    if (same(word, "close")) head.keep_alive = false;
    if (same(word, "keep-alive")) head.keep_alive = true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

auto take_header(std::string_view line, HttpHead& head) -> Result<> {
  auto const colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return corrupt("HTTP: bad header");
  auto const name = line.substr(0, colon);
  auto const value = trim(line.substr(colon + 1));
  for (char const c : value)
    if ((c >= 0 && c < ' ' && c != '\t') || c == 0x7f) return corrupt("HTTP: bad header value");
  if (same(name, "content-length")) {
    TRY(auto const length, number(value));
    if (head.length && *head.length != length) return corrupt("HTTP: two lengths");
    head.length = length;
  } else if (same(name, "transfer-encoding")) {
    if (head.chunked || !same(value, "chunked")) return corrupt("HTTP: unknown transfer encoding");
    head.chunked = true;
  } else if (same(name, "content-range")) {
    // An unsatisfied range names no bytes ("bytes */N").
    if (value.starts_with("bytes *")) return {};
    TRY(head.range, content_range(value));
  } else if (same(name, "connection")) {
    take_connection(value, head);
  }
  return {};
}

auto take_status_line(std::string_view line, HttpHead& head) -> Result<> {
  constexpr std::string_view kBegin = "HTTP/1.";
  // "HTTP/1.1 200 Reason", the reason perhaps missing with its blank.
  bool const shaped = line.size() >= 12 && line.starts_with(kBegin) &&
                      (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                      (line.size() == 12 || line[12] == ' ');
  if (!shaped) return corrupt("HTTP: bad status line");
  TRY(auto const status, number(line.substr(9, 3)));
  if (status < 100 || status > 599) return corrupt("HTTP: bad status");
  head.status = static_cast<int>(status);
  head.keep_alive = line[7] == '1';
  return {};
}

/// `text`: everything before the empty line.
auto parse_head(std::string_view text) -> Result<HttpHead> {
  HttpHead head;
  size_t count = 0;
  for (bool first = true; !text.empty() || first; first = false) {
    auto const end = std::min(text.find("\r\n"), text.size());
    auto const line = text.substr(0, end);
    if (line.find_first_of("\r\n") != line.npos) return corrupt("HTTP: bare line end");
    if (first) {
      TRY_VOID(take_status_line(line, head));
    } else {
      if (++count > HttpResponseParser::kHeadersMax) return corrupt("HTTP: too many headers");
      TRY_VOID(take_header(line, head));
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  // Two ways to tell the end are one too many (RFC 9112, 6.3).
  if (head.chunked && head.length) return corrupt("HTTP: both length and chunks");
  return head;
}

}  // namespace

auto HttpResponseParser::feed(ByteView bytes) -> Result<size_t> {
  size_t taken = 0;
  while (part_ != Part::done && taken < bytes.size()) {
    auto step_taken = step(bytes.subspan(taken));
    if (!step_taken) {
      part_ = Part::failed;
      return step_taken;
    }
    taken += *step_taken;
  }
  return taken;
}

auto HttpResponseParser::step(ByteView bytes) -> Result<size_t> {
  switch (part_) {
    case Part::head:
      return take_head(bytes);
    case Part::body:
    case Part::chunk:
      return take_body(bytes);
    case Part::chunk_line: {
      TRY(auto const taken, take_line(bytes, kChunkLineMax));
      if (line_ready_) TRY_VOID(begin_chunk());
      return taken;
    }
    case Part::chunk_end: {
      TRY(auto const taken, take_line(bytes, 0));
      if (line_ready_) part_ = Part::chunk_line;
      return taken;
    }
    case Part::trailers: {
      TRY(auto const taken, take_line(bytes, kHeadBytesMax));
      trailer_bytes_ += taken;
      if (trailer_bytes_ > kHeadBytesMax) return corrupt("HTTP: trailers too long");
      if (line_ready_ && buffer_.empty()) part_ = Part::done;
      return taken;
    }
    case Part::done:
    case Part::failed:
      break;
  }
  return corrupt("HTTP: nothing more can be read");
}

auto HttpResponseParser::take_head(ByteView bytes) -> Result<size_t> {
  constexpr std::string_view kEnd = "\r\n\r\n";
  size_t const before = buffer_.size();
  size_t const room = kHeadBytesMax - before;
  buffer_ += as_text(bytes.first(std::min(bytes.size(), room)));
  auto const end = buffer_.find(kEnd, before < kEnd.size() ? 0 : before - (kEnd.size() - 1));
  if (end == std::string::npos) {
    if (buffer_.size() == kHeadBytesMax) return corrupt("HTTP: head too long");
    return buffer_.size() - before;
  }
  TRY(head_, parse_head(std::string_view(buffer_).substr(0, end)));
  buffer_.clear();
  TRY_VOID(begin_body());
  return end + kEnd.size() - before;
}

auto HttpResponseParser::begin_body() -> Result<> {
  if (head_.status < 200) {
    if (head_.status == 101 || ++interim_ > kInterimMax) return corrupt("HTTP: bad interim answer");
    return {};  // the real head follows
  }
  TRY_VOID(sink_.on_head(head_));
  if (head_.status == 204 || head_.status == 304) {
    part_ = Part::done;
  } else if (head_.chunked) {
    part_ = Part::chunk_line;
  } else if (head_.length) {
    left_ = *head_.length;
    part_ = left_ == 0 ? Part::done : Part::body;
  } else {
    // It would end with the connection, and a cut one could not be told from it.
    return corrupt("HTTP: a body without its length");
  }
  return {};
}

auto HttpResponseParser::take_body(ByteView bytes) -> Result<size_t> {
  auto const count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  TRY_VOID(sink_.on_body(bytes.first(count)));
  left_ -= count;
  if (left_ == 0) part_ = part_ == Part::body ? Part::done : Part::chunk_end;
  return count;
}

/// Collects one line without its end in `buffer_`, of at most `bytes_max` bytes.
auto HttpResponseParser::take_line(ByteView bytes, size_t bytes_max) -> Result<size_t> {
  if (line_ready_) buffer_.clear();
  line_ready_ = false;
  size_t taken = 0;
  while (taken < bytes.size()) {
    auto const c = static_cast<char>(bytes[taken++]);
    if (c == '\n') {
      if (buffer_.empty() || buffer_.back() != '\r') return corrupt("HTTP: bare line end");
      buffer_.pop_back();
      if (buffer_.find('\r') != std::string::npos) return corrupt("HTTP: bare line end");
      line_ready_ = true;
      return taken;
    }
    buffer_ += c;
    if (buffer_.size() > bytes_max + 1) return corrupt("HTTP: line too long");
  }
  return taken;
}

auto HttpResponseParser::begin_chunk() -> Result<> {
  auto const line = std::string_view(buffer_);
  TRY(left_, number(trim(line.substr(0, line.find(';'))), 16));
  part_ = left_ == 0 ? Part::trailers : Part::chunk;
  return {};
}

}  // namespace godwit::agent
