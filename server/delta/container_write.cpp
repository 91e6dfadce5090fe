#include "server/delta/container_write.h"

#include <zstd.h>

#include <algorithm>

#include "proto/format/container.h"
#include "proto/format/splice.h"
#include "proto/trust/digest.h"

namespace godwit::delta {
namespace {

constexpr int kZstdLevel = 19;

/// How one block is made; `payload` is empty for a copy.
struct Coded {
  proto::BlockOperation operation = proto::BlockOperation::copy;
  uint64_t old_offset = 0;
  Bytes payload;
};

/// Hands out the matches in pieces that make one block after the other.
class Cutter {
 public:
  explicit Cutter(std::span<Match const> matches) : matches_(matches) {}

  auto next(uint64_t bytes) -> std::vector<Match> {
    std::vector<Match> cut;
    while (bytes > 0) {
      if (!rest_.add && !rest_.literal) {
        CHECK(!matches_.empty());  // they cover the new file
        rest_ = matches_.front();
        matches_ = matches_.subspan(1);
        continue;
      }
      Match piece = rest_;
      piece.add = std::min(rest_.add, bytes);
      piece.literal = std::min(rest_.literal, bytes - piece.add);
      rest_.old_offset += piece.add;
      rest_.add -= piece.add;
      rest_.literal -= piece.literal;
      bytes -= piece.add + piece.literal;
      cut.push_back(piece);
    }
    return cut;
  }

 private:
  std::span<Match const> matches_;
  Match rest_;
};

void append_stream(Bytes& payload, ByteView plain) {
  Bytes coded(ZSTD_compressBound(plain.size()));
  size_t const coded_bytes =
      ZSTD_compress(coded.data(), coded.size(), plain.data(), plain.size(), kZstdLevel);
  CHECK(!ZSTD_isError(coded_bytes));
  if (coded_bytes < plain.size())
    write_stream(payload, proto::StreamCodec::zstd, plain.size(),
                 ByteView(coded).first(coded_bytes));
  else
    write_stream(payload, proto::StreamCodec::stored, plain.size(), plain);
}

auto code_block(ByteView old_file, ByteView block, std::span<Match const> pieces) -> Coded {
  Match const& first = pieces.front();
  auto const same = [&](Match const& piece) {
    return std::ranges::equal(old_file.subspan(piece.old_offset, piece.add),
                              block.first(piece.add));
  };
  if (pieces.size() == 1 && first.literal == 0 && same(first))
    return {
        .operation = proto::BlockOperation::copy, .old_offset = first.old_offset, .payload = {}};

  std::vector<proto::Instruction> instructions;
  Bytes diff;
  Bytes literals;
  size_t at = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    Match const& piece = pieces[i];
    uint64_t const old_end = piece.old_offset + piece.add;
    uint64_t const old_next = i + 1 < pieces.size() ? pieces[i + 1].old_offset : old_end;
    instructions.push_back({.add = static_cast<uint32_t>(piece.add),
                            .literal = static_cast<uint32_t>(piece.literal),
                            .seek = static_cast<int64_t>(old_next - old_end)});
    for (uint64_t k = 0; k < piece.add; ++k)
      diff.push_back(static_cast<uint8_t>(block[at + k] - old_file[piece.old_offset + k]));
    at += piece.add;
    auto const literal = block.subspan(at, piece.literal);
    literals.insert(literals.end(), literal.begin(), literal.end());
    at += piece.literal;
  }
  Coded coded{
      .operation = proto::BlockOperation::splice, .old_offset = first.old_offset, .payload = {}};
  append_stream(coded.payload, proto::write_instructions(instructions));
  append_stream(coded.payload, diff);
  append_stream(coded.payload, literals);
  return coded;
}

auto smaller(Coded a, Coded b) -> Coded {
  return b.payload.size() < a.payload.size() ? std::move(b) : std::move(a);
}

}  // namespace

auto make_container(ByteView old_file, ByteView new_file, std::span<Match const> matches) -> Bytes {
  // Weights that were all fine-tuned share no runs of bytes, yet lie where they lay before: files
  // of one size are also compared place by place. A block may also be all literals.
  bool const same_size = old_file.size() == new_file.size();
  Cutter cutter(matches);
  std::vector<Coded> coded;
  proto::Container container{.profile = proto::Profile::bytes,
                             .old_bytes = old_file.size(),
                             .new_bytes = new_file.size(),
                             .old_sha256 = proto::sha256(old_file),
                             .new_sha256 = proto::sha256(new_file),
                             .blocks = {}};
  for (uint64_t at = 0; at < new_file.size();) {
    uint64_t const bytes = std::min<uint64_t>(proto::kBlockBytesMax, new_file.size() - at);
    ByteView const block = new_file.subspan(at, bytes);
    Match const in_place{.old_offset = at, .add = bytes, .literal = 0};
    Match const literal{.old_offset = 0, .add = 0, .literal = bytes};
    auto best = code_block(old_file, block, cutter.next(bytes));
    if (same_size) best = smaller(std::move(best), code_block(old_file, block, {{in_place}}));
    best = smaller(std::move(best), code_block(old_file, block, {{literal}}));
    coded.push_back(std::move(best));
    at += bytes;
  }
  uint64_t at = 0;
  for (Coded const& one : coded) {
    uint64_t const bytes = std::min<uint64_t>(proto::kBlockBytesMax, new_file.size() - at);
    container.blocks.push_back(
        {.new_offset = at,
         .new_bytes = static_cast<uint32_t>(bytes),
         .operation = one.operation,
         .old_offset = one.old_offset,
         .payload = one.payload,
         .check = proto::check_of(one.operation, new_file.subspan(at, bytes))});
    at += bytes;
  }
  return write_container(container);
}

}  // namespace godwit::delta
