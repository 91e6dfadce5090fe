#include "proto/format/restartable.h"

#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

constexpr std::string_view kJournalMagic = "GWAJ";

auto matches(BlockStore& store, Block const& block, Bytes& buffer) -> bool {
  buffer.resize(block.new_bytes);
  return store.read_block(block.new_offset, buffer) && block_check(buffer) == block.check;
}

/// The first block that must be made: what the journal says, unless the last block before it is
/// not what it should be (a store that lied about durability).
auto first_missing(Container const& container, Sha256 const& patch, BlockStore& store)
    -> Result<uint32_t> {
  TRY(auto const record, store.read_journal());
  auto const journal = decode_apply_journal(record);
  if (!journal || journal->patch != patch || journal->next_block > container.blocks.size())
    return uint32_t{0};
  Bytes buffer;
  uint32_t next = journal->next_block;
  while (next > 0 && !matches(store, container.blocks[next - 1], buffer)) --next;
  return next;
}

/// Of the whole new file, read back block by block.
auto stored_sha256(Container const& container, BlockStore& store) -> Result<Sha256> {
  Sha256Stream stream;
  Bytes buffer;
  for (Block const& block : container.blocks) {
    buffer.resize(block.new_bytes);
    TRY_VOID(store.read_block(block.new_offset, buffer));
    stream.add(buffer);
  }
  return stream.finish();
}

}  // namespace

auto encode(ApplyJournal const& journal) -> Bytes {
  Writer writer;
  writer.bytes(as_bytes(kJournalMagic));
  writer.bytes(journal.patch.bytes);
  writer.u32(journal.next_block);
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
  uint64_t const check = block_check(record.first(reader.offset()));
  TRY(uint64_t const written, reader.u64());
  if (as_text(magic) != kJournalMagic || check != written || reader.left())
    return corrupt("not a journal of applying a patch");
  return journal;
}

auto apply_restartable(ByteView old_file, ByteView patch, PatchLimits const& limits,
                       BlockStore& store, std::function<void(uint64_t)> const& on_bytes)
    -> Result<Resumed> {
  TRY(Container const container, parse_container(patch, limits));
  TRY_VOID(check_old_file(container, old_file));
  ApplyJournal journal{.patch = sha256(patch), .next_block = 0};
  TRY(journal.next_block, first_missing(container, journal.patch, store));
  Resumed resumed{.block = journal.next_block, .bytes = 0};
  if (resumed.block < container.blocks.size())
    resumed.bytes = container.blocks[resumed.block].new_offset;
  else
    resumed.bytes = container.new_bytes;
  on_bytes(resumed.bytes);
  BlockApplier applier(container, old_file);
  Bytes made;
  while (journal.next_block < container.blocks.size()) {
    Block const& block = container.blocks[journal.next_block];
    made.resize(block.new_bytes);
    TRY_VOID(applier.apply(block, made).within("block " + std::to_string(journal.next_block)));
    TRY_VOID(store.write_block(block.new_offset, made));
    ++journal.next_block;
    TRY_VOID(store.write_journal(encode(journal)));
    on_bytes(block.new_offset + block.new_bytes);
  }
  TRY(auto const digest, stored_sha256(container, store));
  if (digest != container.new_sha256) return corrupt("the result has not the expected hash");
  return resumed;
}

}  // namespace godwit::proto
