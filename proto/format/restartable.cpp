#include "proto/format/restartable.h"

#include <algorithm>

#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

constexpr std::string_view kJournalMagic = "GWAJ";
constexpr std::string_view kCheckedJournalMagic = "GWBJ";  // with the check of the last block

}  // namespace

auto encode(ApplyJournal const& journal) -> Bytes {
  Writer writer;
  writer.bytes(as_bytes(journal.last_check ? kCheckedJournalMagic : kJournalMagic));
  writer.bytes(journal.patch.bytes);
  writer.u32(journal.next_block);
  if (journal.last_check) writer.u64(*journal.last_check);
  writer.u64(block_check(writer.view()));
  return std::move(writer).take();
}

auto decode_apply_journal(ByteView record) -> Result<ApplyJournal> {
  Reader reader(record);
  TRY(auto const magic, reader.bytes(kJournalMagic.size()));
  ApplyJournal journal;
  TRY(auto const patch, reader.bytes(journal.patch.bytes.size()));
  std::copy(patch.begin(), patch.end(), journal.patch.bytes.begin());
  TRY(journal.next_block, reader.u32());
  bool const checked = as_text(magic) == kCheckedJournalMagic;
  if (checked) {
    TRY(journal.last_check, reader.u64());
  }
  uint64_t const check = block_check(record.first(reader.offset()));
  TRY(uint64_t const written, reader.u64());
  if ((as_text(magic) != kJournalMagic && !checked) || check != written || reader.left())
    return corrupt("not a journal of applying a patch");
  return journal;
}

/// The first block that must be made: what the journal says, unless the last block before it is
/// not what it should be (a store that lied about durability).
auto RestartableApply::first_missing() -> Result<uint32_t> {
  auto const& blocks = container().blocks;
  TRY(auto const record, store_->read_journal());
  auto const journal = decode_apply_journal(record);
  if (!journal || journal->patch != sources_.patch_sha256 || journal->next_block > blocks.size())
    return uint32_t{0};
  uint32_t next = journal->next_block;
  while (next > 0 && !matches(blocks[next - 1])) --next;
  return next;
}

auto RestartableApply::matches(Block const& block) -> bool {
  made_.resize(block.new_bytes);
  if (!store_->read_block(block.new_offset, made_)) return false;
  if (block.check) return block_check(made_) == *block.check;
  // A copy: the old file is there, and is what it should be.
  std::array<uint8_t, 4096> piece;
  for (size_t at = 0; at < made_.size(); at += piece.size()) {
    auto const old = std::span(piece).first(std::min(made_.size() - at, piece.size()));
    if (!sources_.old_file.read(block.old_offset + at, old)) return false;
    if (!std::equal(old.begin(), old.end(), made_.begin() + static_cast<ptrdiff_t>(at)))
      return false;
  }
  return true;
}

auto RestartableApply::begin(Sources const& sources, PatchLimits const& limits, BlockStore& store)
    -> Result<RestartableApply> {
  TRY(auto reader, ContainerReader::open(sources.patch, sources.patch_bytes, limits));
  if (!sources.old_is_checked) TRY_VOID(reader.check_old(sources.old_file, sources.old_bytes));
  RestartableApply apply(sources, store, std::move(reader));
  apply.journal_.patch = sources.patch_sha256;
  TRY(apply.journal_.next_block, apply.first_missing());
  apply.resumed_ = {.block = apply.journal_.next_block, .bytes = apply.bytes()};
  return apply;
}

auto RestartableApply::bytes() const -> uint64_t {
  auto const& blocks = container().blocks;
  return journal_.next_block == blocks.size() ? container().new_bytes
                                              : blocks[journal_.next_block].new_offset;
}

auto RestartableApply::step() -> Result<> {
  CHECK(!done());
  Block const& block = container().blocks[journal_.next_block];
  made_.resize(block.new_bytes);
  TRY_VOID(reader_.make(journal_.next_block, sources_.old_file, made_));
  return take(made_);
}

auto RestartableApply::take(ByteView made) -> Result<> {
  CHECK(!done());
  Block const& block = container().blocks[journal_.next_block];
  CHECK(made.size() == block.new_bytes);
  TRY_VOID(store_->write_block(block.new_offset, made));
  auto next = journal_;
  ++next.next_block;
  TRY_VOID(store_->write_journal(encode(next)));
  journal_ = next;
  return {};
}

auto RestartableApply::finish() -> Result<> {
  Sha256Stream stream;
  for (Block const& block : container().blocks) {
    made_.resize(block.new_bytes);
    TRY_VOID(store_->read_block(block.new_offset, made_));
    stream.add(made_);
  }
  if (stream.finish() == container().new_sha256) return {};
  return corrupt("the result has not the expected hash");
}

}  // namespace godwit::proto
