// The filter language: any text is a filter or an error with its position, never a crash, and what
// it selects is decided.
#include "server/domain/fiql.h"

namespace {

using namespace godwit::server;

auto a_device() -> Device {
  Device device;
  device.id = "cam-1";
  device.hardware_id = "cam-v2";
  device.arch = "aarch64";
  device.engine_version = 1;
  device.ram_bytes = 1u << 20;
  device.tags = {"canary", "north"};
  device.attributes = {{"site", "harbour"}};
  device.components = {{"person", {.version = "1.2.0", .other_version = {}}}};
  return device;
}

/// How many comparisons: bounded by the text.
auto count(FilterNode const& filter) -> size_t {
  size_t sum = 0;
  if (auto const* all = std::get_if<FilterNode::All>(&filter.node))
    for (auto const& part : all->parts) sum += count(part);
  else if (auto const* any = std::get_if<FilterNode::Any>(&filter.node))
    for (auto const& part : any->parts) sum += count(part);
  else
    sum = 1;
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  static auto const device = a_device();
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const filter = parse_filter(text);
  if (!filter) {
    CHECK(filter.error().code == godwit::Code::invalid);
    return 0;
  }
  CHECK(count(*filter) <= size);
  auto const once = matches(*filter, device);
  CHECK(once == matches(*filter, device));
  return 0;
}
