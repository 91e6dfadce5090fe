// Unsealing: any bytes in any pieces, all at once or split, give the same verdict and plaintext.
// The first byte chooses the pieces.
#include <algorithm>

#include "proto/trust/floe.h"

namespace {

using namespace godwit;

struct Outcome {
  bool good;
  Bytes plain;
};

auto open(ByteView sealed, size_t piece) -> Outcome {
  proto::FloeParameters const parameters = {.segment_bytes = 64, .rotation_bits = 2};
  proto::FloeReader reader(parameters, proto::Secret(), as_bytes("This is AAD"));
  Outcome outcome{.good = true, .plain = {}};
  while (outcome.good && !sealed.empty()) {
    auto const next = sealed.first(std::min(piece, sealed.size()));
    outcome.good = static_cast<bool>(reader.add(next, outcome.plain));
    sealed = sealed.subspan(next.size());
  }
  outcome.good = outcome.good && reader.finish();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  if (size < 1) return 0;
  ByteView const sealed(data + 1, size - 1);
  auto const whole = open(sealed, size);
  auto const pieces = open(sealed, 1u + data[0]);
  CHECK(whole.good == pieces.good);
  CHECK(whole.plain == pieces.plain);
  CHECK(whole.plain.size() <= size);
  return 0;
}
