// The agent's HTTP responses: whole or in pieces, the parser hears the same and takes the same.
// The first byte chooses the pieces.
#include <algorithm>

#include "agent/linux/http_response.h"

namespace {

using namespace godwit;
using namespace godwit::agent;

class Heard : public HttpSink {
 public:
  auto on_head(HttpHead const& head) -> Result<> override {
    CHECK(heads == 0);
    ++heads;
    status = head.status;
    length = head.chunked ? std::nullopt : head.length;
    return {};
  }
  auto on_body(ByteView bytes) -> Result<> override {
    CHECK(heads == 1 && !bytes.empty());
    body.insert(body.end(), bytes.begin(), bytes.end());
    return {};
  }
  auto operator==(Heard const& other) const -> bool {
    return heads == other.heads && status == other.status && body == other.body;
  }

  int heads = 0;
  int status = 0;
  std::optional<uint64_t> length;
  Bytes body;
};

struct Outcome {
  Heard heard;
  bool good = true;
  bool done = false;
  size_t taken = 0;
};

auto read(ByteView bytes, size_t piece) -> Outcome {
  Outcome outcome;
  HttpResponseParser parser(outcome.heard);
  while (outcome.good && !parser.done() && outcome.taken < bytes.size()) {
    auto const next = bytes.subspan(outcome.taken, std::min(piece, bytes.size() - outcome.taken));
    auto const taken = parser.feed(next);
    outcome.good = static_cast<bool>(taken);
    if (!taken) break;
    CHECK(*taken <= next.size());
    CHECK(*taken == next.size() || parser.done());
    outcome.taken += *taken;
  }
  outcome.done = parser.done();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  if (size < 2) return 0;
  ByteView const bytes(data + 1, size - 1);
  auto const whole = read(bytes, bytes.size());
  auto const pieces = read(bytes, 1u + data[0]);
  CHECK(whole.good == pieces.good && whole.done == pieces.done);
  if (!whole.good) return 0;
  CHECK(whole.heard == pieces.heard && whole.taken == pieces.taken);
  if (whole.done && whole.heard.length) CHECK(whole.heard.body.size() <= *whole.heard.length);
  return 0;
}
