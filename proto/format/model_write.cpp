#include "proto/format/model_write.h"

#include <algorithm>

#include "proto/format/model_layout.h"
#include "proto/format/operators.h"

namespace godwit::proto {

namespace {

struct Section {
  uint32_t kind;
  uint32_t flags;
  Bytes bytes;
};

auto golden_section(Golden const& golden) -> Bytes {
  Writer out;
  out.u64(golden.seed);
  out.u32(golden.rows);
  out.u32(0);
  out.bytes(golden.outputs.bytes);
  return std::move(out).take();
}

auto plan_section(ModelSpec const& spec) -> Bytes {
  Writer out;
  out.u32(spec.arena_bytes);
  out.u32(spec.input_count);
  out.u32(static_cast<uint32_t>(spec.outputs.size()));
  out.u32(static_cast<uint32_t>(spec.rounding));
  out.u32(spec.state_bytes);
  out.u32(0);
  for (uint32_t tensor : spec.outputs) out.u32(tensor);
  return std::move(out).take();
}

struct TensorSections {
  Writer names, scales, records, constants;
};

auto place_of(TensorSpec const& tensor) -> Place {
  if (tensor.data) return Place::constant;
  return tensor.state ? Place::state : Place::arena;
}

void write_tensor(TensorSpec const& tensor, TensorSections& out) {
  uint32_t offset = tensor.arena_offset;
  if (tensor.data) {
    out.constants.pad_to(kTensorAlignment);
    offset = static_cast<uint32_t>(out.constants.size());
    out.constants.bytes(*tensor.data);
  }
  auto& record = out.records;
  record.u32(static_cast<uint32_t>(out.names.size()));
  record.u16(static_cast<uint16_t>(tensor.name.size()));
  record.u8(static_cast<uint8_t>(tensor.type));
  record.u8(static_cast<uint8_t>(place_of(tensor)));
  record.u8(static_cast<uint8_t>(tensor.shape.size()));
  record.u8(static_cast<uint8_t>(tensor.scale_axis));
  record.u16(0);
  record.u32(static_cast<uint32_t>(tensor.scales.size()));
  record.u32(static_cast<uint32_t>(out.scales.size() / 4));
  record.u32(static_cast<uint32_t>(tensor.zero_point));
  for (size_t d = 0; d < kTensorRankMax; ++d)
    record.u32(d < tensor.shape.size() ? tensor.shape[d] : 0);
  record.u32(offset);
  record.pad_to(layout::kTensorBytes);
  out.names.bytes(as_bytes(tensor.name));
  for (float scale : tensor.scales) out.scales.u32(std::bit_cast<uint32_t>(scale));
}

void write_operator(OperatorSpec const& op, Writer& records, Writer& words) {
  records.u16(static_cast<uint16_t>(op.code));
  records.u8(static_cast<uint8_t>(op.inputs.size()));
  records.u8(static_cast<uint8_t>(op.outputs.size()));
  records.u16(static_cast<uint16_t>(op.params.size()));
  records.u16(0);
  records.u32(static_cast<uint32_t>(words.size() / 4));
  records.u32(0);
  for (uint32_t tensor : op.inputs) words.u32(tensor);
  for (uint32_t tensor : op.outputs) words.u32(tensor);
  for (int32_t param : op.params) words.u32(static_cast<uint32_t>(param));
}

auto assemble(uint16_t version, std::vector<Section> const& sections) -> Bytes {
  Writer out;
  out.bytes(as_bytes(layout::kMagic));
  out.u16(version);
  out.u16(0);
  out.u32(static_cast<uint32_t>(sections.size()));
  size_t const total_at = out.size();
  out.u64(0);  // the total, once known; a model has less than 4 GiB
  out.u64(0);
  size_t offset = layout::kHeaderBytes + sections.size() * layout::kSectionEntryBytes;
  auto const aligned = [](size_t at) {
    return (at + layout::kSectionAlignment - 1) / layout::kSectionAlignment *
           layout::kSectionAlignment;
  };
  for (auto const& section : sections) {
    offset = aligned(offset);
    out.u32(section.kind);
    out.u32(section.flags);
    out.u64(offset);
    out.u64(section.bytes.size());
    offset += section.bytes.size();
  }
  for (auto const& section : sections) {
    out.pad_to(layout::kSectionAlignment);
    out.bytes(section.bytes);
  }
  out.set_u32(total_at, static_cast<uint32_t>(out.size()));
  return std::move(out).take();
}

/// The first version that knows an operator's form: docs/format-model.md, "Operators".
auto form_since(ModelSpec const& spec, OperatorSpec const& op) -> uint16_t {
  if (op.outputs.empty()) return 1;
  auto const type = spec.tensors[op.outputs[0]].type;
  switch (op.code) {
    case Opcode::unidirectional_sequence_lstm:
      return type == TensorType::int16 ? 4 : 1;
    case Opcode::l2_normalization:
      return type == TensorType::uint8 ? 4 : 1;
    case Opcode::conv_2d:
    case Opcode::depthwise_conv_2d:
    case Opcode::fully_connected:
    case Opcode::transpose_conv:
      return type == TensorType::int16 || spec.tensors[op.inputs[1]].zero_point != 0 ? 3 : 1;
    case Opcode::add:
    case Opcode::sub:
    case Opcode::mul:
    case Opcode::maximum:
    case Opcode::minimum:
    case Opcode::squared_difference:
    case Opcode::average_pool_2d:
    case Opcode::max_pool_2d:
    case Opcode::mean:
    case Opcode::batch_matmul:
      return type == TensorType::int16 ? 3 : 1;
    default:
      return 1;
  }
}

}  // namespace

auto format_version(ModelSpec const& spec) -> uint16_t {
  uint16_t version = spec.rounding == Rounding::once ? 3 : 1;
  for (auto const& op : spec.operators)
    version = std::max({version, since_version(op.code), form_since(spec, op)});
  for (auto const& tensor : spec.tensors)  // The first version knew none of these.
    if (tensor.state || tensor.type == TensorType::float32 ||
        (tensor.type == TensorType::int16 && tensor.zero_point != 0))
      version = std::max<uint16_t>(version, 2);
  return version;
}

auto write_model(ModelSpec const& spec) -> Bytes {
  TensorSections tensors;
  for (auto const& tensor : spec.tensors) write_tensor(tensor, tensors);
  Writer operators;
  Writer words;
  for (auto const& op : spec.operators) write_operator(op, operators, words);
  std::vector<Section> sections;
  auto const add = [&](uint32_t kind, uint32_t flags, Bytes bytes) {
    if (!bytes.empty()) sections.push_back({kind, flags, std::move(bytes)});
  };
  if (spec.source)
    add(layout::kMetadata, 0, Bytes(spec.source->bytes.begin(), spec.source->bytes.end()));
  if (spec.golden) add(layout::kGolden, 0, golden_section(*spec.golden));
  add(layout::kPlan, layout::kRequired, plan_section(spec));
  add(layout::kNames, layout::kRequired, std::move(tensors.names).take());
  add(layout::kScales, layout::kRequired, std::move(tensors.scales).take());
  add(layout::kTensors, layout::kRequired, std::move(tensors.records).take());
  add(layout::kOperators, layout::kRequired, std::move(operators).take());
  add(layout::kWords, layout::kRequired, std::move(words).take());
  add(layout::kConstants, layout::kRequired, std::move(tensors.constants).take());
  return assemble(format_version(spec), sections);
}

auto with_golden(ByteView model, Golden const& golden) -> Result<Bytes> {
  TRY(auto view, parse_model(model));
  if (!view.golden()) return invalid("the model has no golden section");
  Bytes out(model.begin(), model.end());
  auto const count = layout::little<uint32_t>(model, 12);
  for (uint32_t i = 0; i < count; ++i) {
    size_t const entry = layout::kHeaderBytes + i * layout::kSectionEntryBytes;
    if (layout::little<uint32_t>(model, entry) != layout::kGolden) continue;
    auto const section = golden_section(golden);
    auto const offset = static_cast<ptrdiff_t>(layout::little<uint64_t>(model, entry + 8));
    std::copy(section.begin(), section.end(), out.begin() + offset);
  }
  return out;
}

}  // namespace godwit::proto
