// Applying that stops at any operation of its store, and goes on.
#include "proto/format/restartable.h"

#include <gtest/gtest.h>

#include "proto/trust/digest.h"
#include "tests/unit/proto/format/failing_store.h"

namespace godwit::proto {
namespace {

/// Blocks that copy the old file in another order.
struct Sample {
  Sample() {
    uint32_t seed = 1;
    for (auto& byte : old_file) byte = static_cast<uint8_t>((seed = seed * 1664525 + 1) >> 24);
    for (size_t block = kBlocks; block-- > 0;)
      new_file.insert(new_file.end(), old_file.begin() + static_cast<ptrdiff_t>(block * kBytes),
                      old_file.begin() + static_cast<ptrdiff_t>((block + 1) * kBytes));
    Container container{.profile = Profile::bytes,
                        .old_bytes = old_file.size(),
                        .new_bytes = new_file.size(),
                        .old_sha256 = sha256(old_file),
                        .new_sha256 = sha256(new_file),
                        .blocks = {}};
    for (size_t block = 0; block < kBlocks; ++block)
      container.blocks.push_back(
          {.new_offset = block * kBytes,
           .new_bytes = kBytes,
           .operation = BlockOperation::copy,
           .old_offset = (kBlocks - 1 - block) * kBytes,
           .payload = {},
           .check = block % 2 ? std::optional<uint64_t>()  // compared with the old file
                              : block_check(ByteView(new_file).subspan(block * kBytes, kBytes))});
    patch = write_container(container);
  }
  static constexpr size_t kBlocks = 5;
  static constexpr uint32_t kBytes = 1000;
  Bytes old_file = Bytes(kBlocks * kBytes);
  Bytes new_file;
  Bytes patch;

  auto apply(BlockStore& store) const -> Result<Resumed> {
    ViewSource old_source(old_file);
    ViewSource patch_source(patch);
    TRY(auto apply, RestartableApply::begin({.old_file = old_source,
                                             .old_bytes = old_file.size(),
                                             .patch = patch_source,
                                             .patch_bytes = patch.size(),
                                             .patch_sha256 = sha256(patch)},
                                            {}, store));
    while (!apply.done()) TRY_VOID(apply.step());
    TRY_VOID(apply.finish());
    return apply.resumed();
  }
};

TEST(Restartable, GoesOnWhereverPowerWasLost) {
  Sample const sample;
  for (int cut = 0;; ++cut) {
    FailingStore store;
    store.power_until(cut);
    bool const whole = bool(sample.apply(store));
    if (whole) break;
    EXPECT_LT(cut, 100);
    store.power_until(-1);
    auto const resumed = sample.apply(store);
    ASSERT_TRUE(resumed) << cut << ": " << resumed.error().what;
    EXPECT_TRUE(store.content == sample.new_file) << cut;
    EXPECT_LE(store.written, sample.new_file.size() + Sample::kBytes) << cut;
  }
}

TEST(Restartable, AndWhereverItWasLostInTheSecondRun) {
  Sample const sample;
  for (int first = 0; first < 20; ++first)
    for (int second = 0; second < 20; ++second) {
      FailingStore store;
      store.power_until(first);
      (void)sample.apply(store);
      store.power_until(second);
      (void)sample.apply(store);
      store.power_until(-1);
      ASSERT_TRUE(sample.apply(store)) << first << " " << second;
      ASSERT_TRUE(store.content == sample.new_file) << first << " " << second;
    }
}

/// What a source was asked for.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(ByteView content) : source_(content) {}
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    bytes += out.size();
    largest = std::max(largest, out.size());
    return source_.read(offset, out);
  }
  uint64_t bytes = 0;
  size_t largest = 0;

 private:
  ViewSource source_;
};

TEST(Restartable, ReadsThePatchAndTheOldFileWhereABlockNeedsThem) {
  Sample const sample;
  CountingSource old_file(sample.old_file);
  CountingSource patch(sample.patch);
  FailingStore store;
  auto apply = RestartableApply::begin({.old_file = old_file,
                                        .old_bytes = sample.old_file.size(),
                                        .patch = patch,
                                        .patch_bytes = sample.patch.size(),
                                        .patch_sha256 = sha256(sample.patch)},
                                       {}, store);
  ASSERT_TRUE(apply) << apply.error().what;
  old_file = CountingSource(sample.old_file);
  ASSERT_TRUE(apply->step());
  EXPECT_EQ(old_file.bytes, Sample::kBytes);
  EXPECT_EQ(apply->bytes(), Sample::kBytes);
  EXPECT_LT(patch.largest, sample.patch.size());
  while (!apply->done()) ASSERT_TRUE(apply->step());
  EXPECT_TRUE(apply->finish());
  EXPECT_TRUE(store.content == sample.new_file);
}

TEST(Restartable, BelievesNoBlockThatIsNotWhatTheJournalSays) {
  Sample const sample;
  FailingStore store;
  ASSERT_TRUE(sample.apply(store));
  store.content[4 * Sample::kBytes] ^= 1;
  store.content[3 * Sample::kBytes] ^= 1;
  auto const resumed = sample.apply(store);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->block, 3u);
  EXPECT_TRUE(store.content == sample.new_file);
}

TEST(Restartable, AJournalOfAnotherPatchOrADamagedOneStartsAnew) {
  Sample const sample;
  for (auto const& journal : {encode(ApplyJournal{.patch = sha256(as_bytes("x")), .next_block = 2}),
                              Bytes(48, 7), Bytes()}) {
    FailingStore store;
    store.journal = journal;
    auto const resumed = sample.apply(store);
    ASSERT_TRUE(resumed);
    EXPECT_EQ(resumed->block, 0u);
  }
}

TEST(Restartable, DamageBeforeTheLastBlockIsNoticedInTheEnd) {
  Sample const sample;
  FailingStore store;
  ASSERT_TRUE(sample.apply(store));
  store.content[0] ^= 1;
  auto const resumed = sample.apply(store);
  ASSERT_FALSE(resumed);
  EXPECT_EQ(resumed.error().code, Code::corrupt);
}

}  // namespace
}  // namespace godwit::proto
