// Weights blocks: any header, sections and payload over a fixed old file end in a file of the
// promised size or in an error, at once and in pieces alike. The first byte chooses the profile
// and how segments are described.
#include <algorithm>

#include "proto/format/container.h"
#include "proto/format/stream_apply.h"

namespace {

using namespace godwit;

class Collect final : public proto::ByteSink {
 public:
  auto write(ByteView bytes) -> Result<> override {
    made.insert(made.end(), bytes.begin(), bytes.end());
    return {};
  }
  Bytes made{};
};

auto old_file() -> Bytes const& {
  static Bytes const file = [] {
    Bytes bytes(8192);
    uint32_t state = 1;
    for (auto& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<uint8_t>(state >> 24);
    }
    return bytes;
  }();
  return file;
}

/// Decodes one block that claims to make `new_bytes`.
void decode(proto::weights::Size size, uint16_t version, bool described, ByteView sections,
            ByteView payload, uint32_t new_bytes) {
  static std::array<std::byte*, 3> const memory = [] {
    auto const room = [](proto::weights::Size of) {
      return new std::byte[proto::weights::decoder_bytes(of)];
    };
    return std::array{room(proto::weights::Size::small), room(proto::weights::Size::fast),
                      room(proto::weights::Size::large)};
  }();
  auto* const decoder = proto::weights::place_decoder(
      size, {memory[static_cast<size_t>(size)], proto::weights::decoder_bytes(size)});
  Bytes patch(sections.begin(), sections.end());
  patch.insert(patch.end(), payload.begin(), payload.end());
  proto::ViewSource old_source(old_file());
  proto::ViewSource patch_source(patch);
  Collect sink;
  auto const made =
      decoder->decode({.version = version,
                       .sections = {.offset = 0, .bytes = sections.size()},
                       .payload = {.offset = sections.size(), .bytes = payload.size()},
                       .described = described,
                       .old_offset = 0,
                       .old_bytes = old_file().size(),
                       .new_bytes = new_bytes},
                      old_source, patch_source, sink);
  CHECK(!made || sink.made.size() == new_bytes);
  CHECK(sink.made.size() <= new_bytes);
}

/// A whole patch, through both appliers.
void apply(ByteView patch) {
  proto::PatchLimits const limits{.new_bytes_max = 1u << 16};
  auto const container = proto::parse_container(patch, limits);
  (void)proto::inspect_container(patch, limits);
  static auto* const memory = new std::byte[proto::kStreamBytes];
  auto& applier = *proto::StreamApplier::place({memory, proto::kStreamBytes});
  proto::ViewSource source(patch);
  bool const opened = static_cast<bool>(applier.open(source, patch.size(), limits));
  CHECK(!opened || container);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  if (size < 4) return 0;
  ByteView const input(data, size);
  apply(input);
  auto const choice = data[0] & 1   ? proto::weights::Size::large
                      : data[0] & 2 ? proto::weights::Size::fast
                                    : proto::weights::Size::small;
  uint32_t const new_bytes = 1u + (data[1] | (data[2] & 15u) << 8);
  size_t const split = std::min<size_t>(data[3], size - 4);
  auto const version = static_cast<uint16_t>(data[0] & 8 ? 3 : proto::kContainerVersion);
  decode(choice, version, data[0] & 4, input.subspan(4, split), input.subspan(4 + split),
         new_bytes);
  return 0;
}
