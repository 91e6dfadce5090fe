// The command line's event stream: whole or in pieces, the same events. The first byte chooses the
// pieces.
#include <algorithm>
#include <vector>

#include "cli/client/sse.h"

namespace {

using namespace godwit;

struct Heard {
  bool good = true;
  std::vector<std::string> events;
  std::string last_id;
  auto operator==(Heard const&) const -> bool = default;
};

auto hear(std::string_view stream, size_t piece) -> Heard {
  Heard heard;
  cli::EventParser parser;
  while (heard.good && !stream.empty()) {
    auto const next = stream.substr(0, piece);
    stream.remove_prefix(next.size());
    heard.good = static_cast<bool>(parser.feed(next, [&](cli::Event const& event) -> Result<> {
      heard.events.push_back(event.type + "\n" + event.id + "\n" + event.data);
      return {};
    }));
  }
  heard.last_id = parser.last_id();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  if (size < 1) return 0;
  std::string_view const stream(reinterpret_cast<char const*>(data) + 1, size - 1);
  CHECK(hear(stream, size) == hear(stream, 1u + data[0]));
  return 0;
}
