// What a container's blocks share: sections, one behind the other before the index.
#include "proto/format/container.h"
#include "proto/format/weights/sections.h"

namespace godwit::proto {
namespace {

struct SectionHead {
  uint16_t type = 0;
  uint16_t flags = 0;
  weights::Range body;
};

/// Takes one section off the front of `sections`.
auto next_section(ByteSource& patch, weights::Range& sections) -> Result<SectionHead> {
  std::array<uint8_t, weights::kSectionHeaderBytes> bytes;
  if (sections.bytes < bytes.size()) return corrupt("a section that is cut off");
  TRY_VOID(patch.read(sections.offset, bytes));
  Reader reader(bytes);
  SectionHead head;
  TRY(head.type, reader.u16());
  TRY(head.flags, reader.u16());
  TRY(uint32_t const length, reader.u32());
  sections.offset += bytes.size();
  sections.bytes -= bytes.size();
  if (length > sections.bytes) return corrupt("a section that is cut off");
  head.body = {.offset = sections.offset, .bytes = length};
  sections.offset += length;
  sections.bytes -= length;
  return head;
}

}  // namespace

auto check_sections(ByteSource& patch, weights::Range sections, Profile profile) -> Result<> {
  while (sections.bytes > 0) {
    TRY(auto const head, next_section(patch, sections));
    bool const known = head.type == kOrderSection ||
                       (head.type == weights::kFactorsSection && profile != Profile::bytes);
    if (!known && (head.flags & weights::kSectionCritical))
      return corrupt("critical section " + std::to_string(head.type) + " is not known here");
  }
  return {};
}

auto find_section(ByteSource& patch, weights::Range sections, uint16_t type)
    -> Result<std::optional<weights::Range>> {
  while (sections.bytes > 0) {
    TRY(auto const head, next_section(patch, sections));
    if (head.type == type) return std::optional(head.body);
  }
  return std::optional<weights::Range>();
}

}  // namespace godwit::proto
