// Small texts from outside: topics, names, versions, times, hexadecimal, base64, server addresses.
// What parses is written as it was read, in its one form.
#include "agent/linux/origin.h"
#include "cli/client/url.h"
#include "proto/base/bytes.h"
#include "proto/base/time.h"
#include "proto/wire/topics.h"

namespace {

using namespace godwit;

void check_version(std::string_view text) {
  auto const version = Version::parse(text);
  if (!version) return;
  CHECK(version->str() == text);
  auto const other = *Version::parse("1.2.3-rc.1");
  CHECK((*version < other) == (other > *version));
  CHECK(*version <= *version);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  if (auto const up = proto::parse_up(text)) CHECK(proto::topic(up->device, up->up) == text);
  if (auto const id = DeviceId::parse(text)) CHECK(id->str() == text);
  if (auto const name = ModelName::parse(text)) CHECK(name->str() == text);
  check_version(text);
  if (auto const time = parse_time(text)) CHECK(format_time(*time) == text);
  if (auto const bytes = from_base64(text)) CHECK(to_base64(*bytes) == text);
  if (auto const bytes = from_hex(text)) CHECK(bytes->size() * 2 == text.size());
  if (auto const url = cli::Url::parse(text)) CHECK(*cli::Url::parse(url->str()) == *url);
  if (auto const origin = agent::Origin::parse(text))
    CHECK(agent::Origin::parse("https://" + origin->authority())->authority() ==
          origin->authority());
  return 0;
}
