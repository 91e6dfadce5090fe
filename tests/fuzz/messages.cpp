// What devices and servers say: whatever decodes is written so that it decodes to the same again.
// The first byte chooses the message.
#include "proto/wire/messages.h"

namespace {

using namespace godwit;

template <typename Message>
void check(std::string_view text, Result<Message> (*decode)(std::string_view)) {
  auto const message = decode(text);
  if (!message) return;
  auto const written = proto::encode(*message);
  auto const again = decode(written);
  CHECK(again);
  CHECK(proto::encode(*again) == written);
}

void check_health(std::string_view text) {
  auto const json = Json::parse(text);
  if (!json) return;
  auto const health = proto::parse_health(*json);
  if (!health) return;
  auto const written = proto::to_json(*health);
  auto const again = proto::parse_health(written);
  CHECK(again && proto::to_json(*again) == written);
  auto const median = health->latency_us.quantile(0.5);
  CHECK(median <= health->latency_us.quantile(0.99));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  if (size < 1) return 0;
  std::string_view const text(reinterpret_cast<char const*>(data) + 1, size - 1);
  switch (data[0] - '0') {
    case 0:
      check(text, proto::decode_hello);
      break;
    case 1:
      check(text, proto::decode_job_report);
      break;
    case 2:
      check(text, proto::decode_presence);
      break;
    case 3:
      check(text, proto::decode_job_hint);
      break;
    case 4:
      check(text, proto::decode_ack);
      break;
    default:
      check_health(text);
  }
  return 0;
}
