#include "proto/format/in_place.h"

#include <algorithm>

#include "proto/format/varint.h"
#include "proto/format/weights/sections.h"
#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

constexpr size_t kOrderBytesMax = 5;  // of one block's number

class StoreSource final : public ByteSource {
 public:
  explicit StoreSource(InPlaceStore& store) : store_(store) {}
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    return store_.read(offset, out);
  }

 private:
  InPlaceStore& store_;
};

/// One application. The journal's number counts blocks of the order whose bytes are safe: the last
/// of them in the scratch area or already in its place, all before it in their places.
class InPlace {
 public:
  InPlace(InPlaceStore& store, ContainerReader& reader, std::vector<uint32_t> order)
      : store_(store), reader_(reader), order_(std::move(order)) {}

  auto find_journal(Sha256 const& patch) -> Result<> {
    journal_.patch = patch;
    TRY(auto const record, store_.read_journal());
    auto const journal = decode_apply_journal(record);
    if (journal && journal->patch == patch && journal->next_block <= order_.size())
      journal_ = *journal;
    return {};
  }
  auto blocks_safe() const -> uint32_t { return journal_.next_block; }
  auto done() const -> bool { return journal_.next_block == order_.size(); }

  /// The block that a cut caught between scratch area and place.
  auto finish_last() -> Result<> {
    if (journal_.next_block == 0) return {};
    Block const& block = blocks()[order_[journal_.next_block - 1]];
    made_.resize(block.new_bytes);
    auto const kept = store_.read_scratch(made_);
    if (!kept && kept.error().code != Code::not_found) return kept;
    if (kept && block_check(made_) == *block.check) return store_.write(block.new_offset, made_);
    // The next block was on its way into the scratch area: this one was in its place before.
    TRY_VOID(store_.read(block.new_offset, made_));
    if (block_check(made_) == *block.check) return {};
    return corrupt("a block that was safe is in neither place");
  }

  auto step() -> Result<> {
    uint32_t const number = order_[journal_.next_block];
    Block const& block = blocks()[number];
    made_.resize(block.new_bytes);
    StoreSource file(store_);
    TRY_VOID(reader_.make(number, file, made_));
    TRY_VOID(store_.write_scratch(made_));
    ++journal_.next_block;
    TRY_VOID(store_.write_journal(encode(journal_)));
    return store_.write(block.new_offset, made_);
  }

 private:
  auto blocks() const -> std::vector<Block> const& { return reader_.container().blocks; }

  InPlaceStore& store_;
  ContainerReader& reader_;
  std::vector<uint32_t> order_;
  ApplyJournal journal_;
  Bytes made_;
};

}  // namespace

auto order_of_blocks(ByteSource& patch, weights::Range sections, size_t blocks)
    -> Result<std::vector<uint32_t>> {
  TRY(auto const found, find_section(patch, sections, kOrderSection));
  if (!found) return invalid("the patch was not made for applying in place");
  if (found->bytes > kOrderBytesMax * blocks) return corrupt("an order of too many blocks");
  Bytes bytes(static_cast<size_t>(found->bytes));
  TRY_VOID(patch.read(found->offset, bytes));
  Reader reader(bytes);
  std::vector<uint32_t> order;
  std::vector<bool> seen(blocks);
  while (reader.left() > 0) {
    TRY(uint64_t const number, read_varint(reader));
    if (number >= blocks || seen[number]) return corrupt("an order with a wrong block");
    seen[number] = true;
    order.push_back(static_cast<uint32_t>(number));
  }
  if (order.size() != blocks) return corrupt("an order without some block");
  return order;
}

auto write_order_section(std::span<uint32_t const> order) -> Bytes {
  Writer body;
  for (uint32_t const number : order) write_varint(body, number);
  Writer section;
  section.u16(kOrderSection);
  section.u16(0);  // who does not know it applies the patch to a copy
  section.u32(static_cast<uint32_t>(body.size()));
  section.bytes(body.view());
  return std::move(section).take();
}

auto apply_in_place(InPlaceSources const& sources, PatchLimits const& limits, InPlaceStore& store,
                    std::function<void(size_t)> const& on_blocks) -> Result<Resumed> {
  TRY(auto reader, ContainerReader::open(sources.patch, sources.patch_bytes, limits));
  auto const& container = reader.container();
  TRY(auto order, order_of_blocks(sources.patch, reader.sections(), container.blocks.size()));
  if (!std::ranges::all_of(container.blocks,
                           [](Block const& block) { return block.check.has_value(); }))
    return corrupt("a patch for applying in place with a block that has no check");
  InPlace apply(store, reader, std::move(order));
  TRY_VOID(apply.find_journal(sources.patch_sha256));
  Resumed const resumed{.block = apply.blocks_safe(), .bytes = 0};
  StoreSource file(store);
  if (resumed.block == 0) {
    TRY(auto const bytes, store.size());
    auto const old = reader.check_old(file, bytes);
    if (!old && old.error().code == Code::conflict && bytes == container.new_bytes) {
      TRY(auto const digest, sha256_of(file, bytes));
      if (digest == container.new_sha256) return resumed;  // it was done before
    }
    TRY_VOID(old);
  }
  TRY_VOID(apply.finish_last());
  for (on_blocks(apply.blocks_safe()); !apply.done(); on_blocks(apply.blocks_safe()))
    TRY_VOID(apply.step());
  TRY(auto const bytes, store.size());
  if (bytes != container.new_bytes) TRY_VOID(store.resize(container.new_bytes));
  TRY(auto const digest, sha256_of(file, container.new_bytes));
  if (digest != container.new_sha256) return corrupt("the result has not the expected hash");
  return resumed;
}

}  // namespace godwit::proto
