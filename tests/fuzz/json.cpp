// Json: whatever parses is written so that it parses to the same again, in all three forms.
#include "proto/json/json.h"

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  using namespace godwit;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const json = Json::parse(text);
  if (!json) return 0;
  // Numbers beyond a double's range have no text of their own, so one round may change them.
  auto const once = Json::parse(json->dump());
  CHECK(once);
  auto const again = Json::parse(once->dump(2));
  CHECK(again && *again == *once);
  auto const signable = Json::parse(text, {.integers_only = true});
  if (signable) {
    CHECK(signable->canonical());
    CHECK(*signable->canonical() == *Json(*signable).canonical());
  }
  return 0;
}
