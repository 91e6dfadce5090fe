#include "proto/format/splice.h"

#include <zstd.h>

#include <algorithm>

#include "proto/format/container.h"
#include "proto/format/old_cursor.h"
#include "proto/format/varint.h"

namespace godwit::proto {
namespace {

/// Reads one stream of at most `plain_bytes_max` bytes. One-shot decoding into a buffer of the
/// exact size needs no window, so the frame cannot ask for memory.
auto read_stream(Reader& payload, uint64_t plain_bytes_max) -> Result<Bytes> {
  TRY(uint8_t const codec, payload.u8());
  TRY(uint64_t const plain_bytes, read_varint(payload));
  TRY(uint64_t const coded_bytes, read_varint(payload));
  if (plain_bytes > plain_bytes_max) return corrupt("a stream is too long");
  TRY(auto coded, payload.bytes(coded_bytes));
  if (codec == static_cast<uint8_t>(StreamCodec::stored)) {
    if (coded_bytes != plain_bytes) return corrupt("a stored stream of two lengths");
    return Bytes(coded.begin(), coded.end());
  }
  if (codec != static_cast<uint8_t>(StreamCodec::zstd))
    return corrupt("stream codec " + std::to_string(codec) + " is not known here");
  Bytes plain(static_cast<size_t>(plain_bytes));
  size_t const made = ZSTD_decompress(plain.data(), plain.size(), coded.data(), coded.size());
  if (ZSTD_isError(made)) return corrupt("a zstd stream is damaged");
  if (made != plain.size()) return corrupt("a zstd stream is too short");
  return plain;
}

/// Reads the next instruction, held against the bytes of the block that are `left` to make.
auto next_instruction(Reader& control, uint32_t& left) -> Result<Instruction> {
  TRY(uint64_t const add, read_varint(control));
  TRY(uint64_t const literal, read_varint(control));
  TRY(int64_t const seek, read_zigzag(control));
  if (add > left || literal > left - add) return corrupt("instructions make more than the block");
  left -= static_cast<uint32_t>(add + literal);
  return Instruction{
      .add = static_cast<uint32_t>(add), .literal = static_cast<uint32_t>(literal), .seek = seek};
}

}  // namespace

auto apply_splice(ByteSource& old_file, uint64_t old_bytes, uint64_t old_offset, ByteView payload,
                  std::span<uint8_t> out) -> Result<> {
  Reader reader(payload);
  TRY(Bytes const control, read_stream(reader, kBlockBytesMax).within("instructions"));
  TRY(Bytes const diff, read_stream(reader, out.size()).within("differences"));
  TRY(Bytes const literal, read_stream(reader, out.size() - diff.size()).within("literals"));
  if (reader.left()) return corrupt("bytes follow the last stream");
  Reader instructions(control);
  Reader diffs(diff);
  Reader literals(literal);
  OldCursor old(old_file, old_bytes);
  TRY_VOID(old.seek(static_cast<int64_t>(old_offset)));
  auto left = static_cast<uint32_t>(out.size());
  while (instructions.left() > 0) {
    TRY(Instruction const instruction, next_instruction(instructions, left));
    TRY(auto added, diffs.bytes(instruction.add).within("differences"));
    TRY(auto taken, literals.bytes(instruction.literal).within("literals"));
    std::copy(added.begin(), added.end(), out.begin());
    TRY_VOID(old.add_to(out.first(instruction.add)));
    out = out.subspan(instruction.add);
    std::copy(taken.begin(), taken.end(), out.begin());
    out = out.subspan(instruction.literal);
    TRY_VOID(old.seek(instruction.seek));
  }
  if (left > 0) return corrupt("instructions make less than the block");
  if (diffs.left() || literals.left()) return corrupt("a stream that no instruction uses up");
  return {};
}

auto read_instructions(ByteView payload, uint32_t new_bytes) -> Result<std::vector<Instruction>> {
  Reader reader(payload);
  TRY(Bytes const control, read_stream(reader, kBlockBytesMax).within("instructions"));
  Reader coded(control);
  std::vector<Instruction> instructions;
  uint32_t left = new_bytes;
  while (coded.left() > 0) {
    TRY(Instruction const instruction, next_instruction(coded, left));
    instructions.push_back(instruction);
  }
  if (left > 0) return corrupt("instructions make less than the block");
  return instructions;
}

auto write_instructions(std::span<Instruction const> instructions) -> Bytes {
  Writer writer;
  for (Instruction const& instruction : instructions) {
    write_varint(writer, instruction.add);
    write_varint(writer, instruction.literal);
    write_zigzag(writer, instruction.seek);
  }
  return std::move(writer).take();
}

void write_stream(Bytes& payload, StreamCodec codec, uint64_t plain_bytes, ByteView coded) {
  Writer writer;
  writer.u8(static_cast<uint8_t>(codec));
  write_varint(writer, plain_bytes);
  write_varint(writer, coded.size());
  writer.bytes(coded);
  payload.insert(payload.end(), writer.view().begin(), writer.view().end());
}

}  // namespace godwit::proto
