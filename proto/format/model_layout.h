// Byte layout of the compiled model, shared by its reader and its writer. docs/format-model.md.
#pragma once

#include "proto/format/model.h"

namespace godwit::proto::layout {

constexpr std::string_view kMagic = "GODWITM\n";
constexpr size_t kHeaderBytes = 32;
constexpr size_t kSectionEntryBytes = 24;
constexpr size_t kTensorBytes = 64;
constexpr size_t kOperatorBytes = 16;
constexpr size_t kPlanBytes = 24;  // before the list of outputs
constexpr size_t kGoldenBytes = 48;
constexpr size_t kMetadataBytes = 32;
constexpr size_t kSectionAlignment = 16;
constexpr size_t kSectionsMax = 64;
constexpr uint32_t kRequired = 1;

constexpr auto section_kind(char const (&name)[5]) -> uint32_t {
  uint32_t kind = 0;
  for (int i = 3; i >= 0; --i) kind = kind << 8 | static_cast<uint8_t>(name[i]);
  return kind;
}
constexpr uint32_t kMetadata = section_kind("META");
constexpr uint32_t kGolden = section_kind("GOLD");
constexpr uint32_t kPlan = section_kind("PLAN");
constexpr uint32_t kNames = section_kind("NAME");
constexpr uint32_t kScales = section_kind("SCAL");
constexpr uint32_t kTensors = section_kind("TENS");
constexpr uint32_t kOperators = section_kind("OPER");
constexpr uint32_t kWords = section_kind("WORD");
constexpr uint32_t kConstants = section_kind("DATA");

template <typename T>
auto little(ByteView bytes, size_t offset) -> T {
  T value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    __builtin_memcpy(&value, bytes.data() + offset, sizeof(T));
  } else {
    for (size_t i = 0; i < sizeof(T); ++i)
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes[offset + i]) << (8 * i)));
  }
  return value;
}

}  // namespace godwit::proto::layout
