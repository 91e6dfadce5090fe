#include "proto/format/restartable_bsdiff.h"

namespace godwit::proto {

auto RestartableBsdiff::block_size(uint64_t offset) const -> size_t {
  return static_cast<size_t>(std::min<uint64_t>(expected_.block_bytes, new_bytes() - offset));
}

auto RestartableBsdiff::bytes() const -> uint64_t {
  return std::min(new_bytes(), uint64_t{journal_.next_block} * expected_.block_bytes);
}

/// What the journal says, if the last block is what it was; else the beginning, for only the last
/// one has a check.
auto RestartableBsdiff::find_out_where() -> Result<uint32_t> {
  TRY(auto const record, store_->read_journal());
  auto const journal = decode_apply_journal(record);
  uint64_t const blocks = (new_bytes() + expected_.block_bytes - 1) / expected_.block_bytes;
  if (!journal || journal->patch != journal_.patch || !journal->last_check ||
      journal->next_block == 0 || journal->next_block > blocks)
    return uint32_t{0};
  auto const last = uint64_t{journal->next_block - 1} * expected_.block_bytes;
  made_.resize(block_size(last));
  bool const good = store_->read_block(last, made_) && block_check(made_) == *journal->last_check;
  return good ? journal->next_block : uint32_t{0};
}

auto RestartableBsdiff::begin(ApplySources const& sources, Expected const& expected,
                              PatchLimits const& limits, BlockStore& store)
    -> Result<RestartableBsdiff> {
  CHECK(expected.block_bytes > 0);
  TRY(auto stream, BsdiffStream::open(sources.old_file, sources.old_bytes, sources.patch,
                                      sources.patch_bytes, limits));
  RestartableBsdiff apply(expected, store, std::move(stream));
  apply.journal_.patch = sources.patch_sha256;
  TRY(apply.journal_.next_block, apply.find_out_where());
  apply.resumed_ = {.block = apply.journal_.next_block, .bytes = apply.bytes()};
  if (apply.new_bytes() == 0) TRY_VOID(apply.stream_->finish());
  return apply;
}

auto RestartableBsdiff::step() -> Result<> {
  CHECK(!done());
  if (failed_) return *failed_;
  auto made = make_block();
  if (!made) failed_ = made.error();
  return made;
}

auto RestartableBsdiff::make_block() -> Result<> {
  auto const offset = bytes();
  if (stream_->offset() < offset) TRY_VOID(stream_->skip(offset - stream_->offset()));
  made_.resize(block_size(offset));
  TRY_VOID(stream_->read(made_));
  if (stream_->offset() == new_bytes()) TRY_VOID(stream_->finish());
  TRY_VOID(store_->write_block(offset, made_));
  auto next = journal_;
  ++next.next_block;
  next.last_check = block_check(made_);
  TRY_VOID(store_->write_journal(encode(next)));
  journal_ = next;
  return {};
}

auto RestartableBsdiff::finish() -> Result<> {
  if (!expected_.new_sha256) return {};
  Sha256Stream digest;
  for (uint64_t offset = 0; offset < new_bytes(); offset += made_.size()) {
    made_.resize(block_size(offset));
    TRY_VOID(store_->read_block(offset, made_));
    digest.add(made_);
  }
  if (digest.finish() == *expected_.new_sha256) return {};
  return corrupt("the result has not the expected hash");
}

}  // namespace godwit::proto
