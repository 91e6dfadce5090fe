#include "cli/view/patch.h"

#include <algorithm>
#include <cstdio>

#include "cli/core/format.h"

namespace godwit::cli {
namespace {

using proto::weights::Element;
using proto::weights::Segment;
using proto::weights::SegmentKind;

auto type_of(Element element) -> std::string {
  // The encoder's types have the same names in the same order.
  return std::string(delta::to_string(static_cast<delta::ElementType>(element)));
}

auto mode_of(Segment const& segment) -> std::string {
  if (segment.kind == SegmentKind::copy) return "copy";
  std::string const tabled = segment.tabled ? ", tables" : "";
  if (segment.kind == SegmentKind::bytes) return "bytes" + tabled;
  if (segment.codebook > 0) return (segment.from_old ? "residual of codes" : "codes") + tabled;
  if (segment.waves) return "waves";
  if (segment.halves)
    return (segment.from_old ? "residual of halves" : "halves") + tabled + ", row factor";
  if (!segment.from_old) return "self" + tabled;
  std::string mode = "residual" + tabled;
  if (segment.scaled) mode += ", row scale";
  if (segment.ranked) mode += ", low rank";
  return mode;
}

auto part_of(Segment const& segment, uint64_t offset) -> PatchPart {
  bool const tensor = segment.kind == SegmentKind::tensor;
  return {.name = {},
          .type = tensor ? type_of(segment.element) : "bytes",
          .mode = mode_of(segment),
          .offset = offset,
          .bytes = segment.bytes,
          .rows = tensor ? segment.rows : 0,
          .cols = tensor ? segment.cols : 0,
          .patch_bytes = segment.coded_bytes};
}

/// Joins what goes on in the same way.
void add(std::vector<PatchPart>& parts, PatchPart part) {
  if (!parts.empty()) {
    auto& last = parts.back();
    if (last.type == part.type && last.mode == part.mode && last.cols == part.cols) {
      last.bytes += part.bytes;
      last.rows += part.rows;
      last.patch_bytes += part.patch_bytes;
      return;
    }
  }
  parts.push_back(std::move(part));
}

auto two_decimals(double value) -> std::string {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

}  // namespace

auto PatchPart::bits_per_weight() const -> double {
  auto const weights = static_cast<double>(rows > 0 ? rows * cols : bytes);
  return weights > 0 ? static_cast<double>(patch_bytes) * 8 / weights : 0;
}

auto patch_parts(proto::Container const& container) -> Result<std::vector<PatchPart>> {
  std::vector<PatchPart> parts;
  for (auto const& block : container.blocks) {
    if (!proto::has_segments(block.operation)) {
      bool const copy = block.operation == proto::BlockOperation::copy;
      add(parts, {.name = {},
                  .type = "bytes",
                  .mode = copy ? "copy" : "bytes",
                  .offset = block.new_offset,
                  .bytes = block.new_bytes,
                  .patch_bytes = block.payload.size()});
      continue;
    }
    TRY(auto const segments, proto::read_segments(block, container.old_bytes));
    uint64_t offset = block.new_offset;
    for (auto const& segment : segments) {
      add(parts, part_of(segment, offset));
      offset += segment.bytes;
    }
  }
  return parts;
}

void name_parts(std::vector<PatchPart>& parts, delta::TensorTable const& table) {
  for (auto& part : parts)
    for (auto const& tensor : table.tensors)
      if (part.offset >= tensor.offset && part.offset < tensor.offset + tensor.bytes)
        part.name = tensor.name;
}

auto parts_json(std::vector<PatchPart> const& parts, uint64_t patch_bytes) -> Json {
  auto json = Json::array();
  for (auto const& part : parts)
    json.push_back(Json::object({{"name", part.name},
                                 {"offset", part.offset},
                                 {"type", part.type},
                                 {"mode", part.mode},
                                 {"rows", part.rows},
                                 {"cols", part.cols},
                                 {"bytes", part.bytes},
                                 {"patch_bytes", part.patch_bytes},
                                 {"bits_per_weight", part.bits_per_weight()},
                                 {"share", patch_bytes ? static_cast<double>(part.patch_bytes) /
                                                             static_cast<double>(patch_bytes)
                                                       : 0.0}}));
  return json;
}

auto parts_table(std::vector<PatchPart> const& parts, uint64_t patch_bytes) -> Table {
  auto const right = Table::Align::right;
  Table table({{"OFFSET", right},
               "TENSOR",
               "TYPE",
               {"SHAPE", right},
               "MODE",
               {"BYTES", right},
               {"IN PATCH", right},
               {"BITS/WEIGHT", right},
               {"SHARE", right}});
  for (auto const& part : parts)
    table.add({std::to_string(part.offset), part.name.empty() ? "-" : part.name, part.type,
               part.rows ? std::to_string(part.rows) + "x" + std::to_string(part.cols) : "-",
               part.mode, std::to_string(part.bytes), std::to_string(part.patch_bytes),
               two_decimals(part.bits_per_weight()),
               format_share(patch_bytes ? static_cast<double>(part.patch_bytes) /
                                              static_cast<double>(patch_bytes)
                                        : 0)});
  return table;
}

}  // namespace godwit::cli
