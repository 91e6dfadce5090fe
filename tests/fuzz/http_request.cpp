// What the server's routes read of a request: its target, ranges, entity tags. One line each:
// target, Range, If-Range, If-Match.
#include <algorithm>
#include <array>

#include "server/http/range.h"
#include "server/http/router.h"

namespace {

using namespace godwit;
using namespace godwit::server;

void check_target(std::string_view text) {
  auto const target = parse_target(text);
  if (!target) return;
  for (auto const& segment : target->segments) {
    CHECK(!segment.empty() && segment != "." && segment != "..");
    CHECK(std::none_of(segment.begin(), segment.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
  }
  static Router const router = [] {
    Router made;
    auto const handle = [](Call const&) -> Result<Response> { return Response{}; };
    made.add({.method = "GET", .pattern = "/api/v1/devices/{id}", .handle = handle});
    made.add({.method = "PUT", .pattern = "/api/v1/models/{m}/releases/{v}", .handle = handle});
    return made;
  }();
  auto const match = router.match("GET", target->segments);
  if (match.route) CHECK(match.path.size() == 1 && target->segments.size() == 4);
}

void check_range(std::string_view range, std::string_view if_range) {
  for (uint64_t const size : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, UINT64_MAX}) {
    auto const chosen = choose_range(range, if_range, "\"tag\"", size);
    if (chosen.kind == ByteRange::Kind::unsatisfiable) continue;
    CHECK(chosen.offset <= size && chosen.length <= size - chosen.offset);
    if (chosen.kind == ByteRange::Kind::part) CHECK(chosen.length > 0);
    if (chosen.kind == ByteRange::Kind::whole) CHECK(chosen.offset == 0 && chosen.length == size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  std::string_view text(reinterpret_cast<char const*>(data), size);
  std::array<std::string_view, 4> lines;
  for (auto& line : lines) {
    line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  check_target(lines[0]);
  check_range(lines[1], lines[2]);
  if (etag_listed(lines[3], "\"tag\""))
    CHECK(lines[3].find('*') != std::string_view::npos ||
          lines[3].find("\"tag\"") != std::string_view::npos);
  return 0;
}
