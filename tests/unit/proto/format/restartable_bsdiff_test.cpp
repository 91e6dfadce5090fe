// Applying BSDIFF40 that stops at any operation of its store, and goes on.
#include "proto/format/restartable_bsdiff.h"

#include <bzlib.h>
#include <gtest/gtest.h>

#include "tests/unit/proto/format/failing_store.h"

namespace godwit::proto {
namespace {

auto packed(ByteView plain) -> Bytes {
  Bytes out(plain.size() + plain.size() / 100 + 600);
  auto length = static_cast<unsigned>(out.size());
  Bytes copy(plain.begin(), plain.end());
  copy.reserve(1);
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &length,
                                     reinterpret_cast<char*>(copy.data()),
                                     static_cast<unsigned>(copy.size()), 1, 0, 0),
            BZ_OK);
  out.resize(length);
  return out;
}

/// Runs that end everywhere in blocks, some empty, in another order than the old file's.
struct Sample {
  static constexpr uint32_t kBlockBytes = 1000;

  Sample() {
    uint32_t seed = 1;
    auto const next = [&] { return (seed = seed * 1664525 + 1013904223) >> 16; };
    for (auto& byte : old_file) byte = static_cast<uint8_t>(next());
    Writer control;
    Bytes diff;
    Bytes extra;
    uint64_t at = 0;
    for (int run = 0; run < 12; ++run) {
      uint64_t const add = run == 5 ? 0 : next() % 800;
      uint64_t const literal = run == 5 ? 0 : next() % 300;
      for (uint64_t i = 0; i < add; ++i) {
        diff.push_back(static_cast<uint8_t>(i % 50 == 0));
        new_file.push_back(static_cast<uint8_t>(old_file[at + i] + diff.back()));
      }
      for (uint64_t i = 0; i < literal; ++i) {
        extra.push_back(static_cast<uint8_t>(next()));
        new_file.push_back(extra.back());
      }
      uint64_t const to = next() % 4000;
      auto const seek = static_cast<int64_t>(to) - static_cast<int64_t>(at + add);
      at = to;
      control.u64(add);
      control.u64(literal);
      control.u64(seek < 0 ? static_cast<uint64_t>(-seek) | uint64_t{1} << 63
                           : static_cast<uint64_t>(seek));
    }
    auto const coded_control = packed(control.view());
    auto const coded_diff = packed(diff);
    Writer writer;
    writer.bytes(as_bytes(kBsdiffMagic));
    writer.u64(coded_control.size());
    writer.u64(coded_diff.size());
    writer.u64(new_file.size());
    writer.bytes(coded_control);
    writer.bytes(coded_diff);
    writer.bytes(packed(extra));
    patch = std::move(writer).take();
  }
  Bytes old_file = Bytes(5000);
  Bytes new_file;
  Bytes patch;

  auto apply(BlockStore& store, uint32_t block_bytes = kBlockBytes) const -> Result<Resumed> {
    ViewSource old_source(old_file);
    ViewSource patch_source(patch);
    TRY(auto apply, RestartableBsdiff::begin(
                        {.old_file = old_source,
                         .old_bytes = old_file.size(),
                         .patch = patch_source,
                         .patch_bytes = patch.size(),
                         .patch_sha256 = sha256(patch)},
                        {.new_sha256 = sha256(new_file), .block_bytes = block_bytes}, {}, store));
    while (!apply.done()) TRY_VOID(apply.step());
    TRY_VOID(apply.finish());
    return apply.resumed();
  }
};

TEST(RestartableBsdiff, MakesWhatTheWholePatchMakes) {
  Sample const sample;
  EXPECT_TRUE(*apply_bsdiff(sample.old_file, sample.patch, {}) == sample.new_file);
  for (uint32_t const block_bytes : {1u, 999u, 1000u, 100'000u}) {
    FailingStore store;
    ASSERT_TRUE(sample.apply(store, block_bytes)) << block_bytes;
    EXPECT_TRUE(store.content == sample.new_file) << block_bytes;
  }
}

TEST(RestartableBsdiff, GoesOnWhereverPowerWasLost) {
  Sample const sample;
  for (int cut = 0;; ++cut) {
    FailingStore store;
    store.power_until(cut);
    if (sample.apply(store)) break;
    ASSERT_LT(cut, 100);
    store.power_until(-1);
    auto const resumed = sample.apply(store);
    ASSERT_TRUE(resumed) << cut << ": " << resumed.error().what;
    EXPECT_TRUE(store.content == sample.new_file) << cut;
    EXPECT_LE(store.written, sample.new_file.size() + Sample::kBlockBytes) << cut;
  }
}

TEST(RestartableBsdiff, AndWhereverItWasLostInTheSecondRun) {
  Sample const sample;
  for (int first = 0; first < 30; ++first)
    for (int second = 0; second < 30; ++second) {
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

TEST(RestartableBsdiff, AnErrorStays) {
  Sample const sample;
  auto damaged = sample.patch;
  damaged[damaged.size() / 2] ^= 1;
  ViewSource old_source(sample.old_file);
  ViewSource patch_source(damaged);
  FailingStore store;
  auto apply =
      RestartableBsdiff::begin({.old_file = old_source,
                                .old_bytes = sample.old_file.size(),
                                .patch = patch_source,
                                .patch_bytes = damaged.size(),
                                .patch_sha256 = sha256(damaged)},
                               {.new_sha256 = std::nullopt, .block_bytes = 1000}, {}, store);
  ASSERT_TRUE(apply);
  Result<> step;
  while (step && !apply->done()) step = apply->step();
  ASSERT_FALSE(step);
  for (int again = 0; again < 3; ++again) EXPECT_EQ(apply->step().error().code, Code::corrupt);
}

TEST(RestartableBsdiff, BelievesNoBlockThatIsNotWhatTheJournalSays) {
  Sample const sample;
  FailingStore store;
  ASSERT_TRUE(sample.apply(store));
  store.content.back() ^= 1;
  auto const again = sample.apply(store);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->block, 0u) << "only the last block has a check";
  EXPECT_TRUE(store.content == sample.new_file);
  store.content.front() ^= 1;
  EXPECT_EQ(sample.apply(store).error().code, Code::corrupt) << "the whole file has a hash";
}

TEST(RestartableBsdiff, AJournalOfAnotherPatchOrBlockSizeStartsAnew) {
  Sample const sample;
  FailingStore store;
  store.power_until(8);
  ASSERT_FALSE(sample.apply(store));
  store.power_until(-1);
  auto const kept = store.journal;
  ASSERT_TRUE(decode_apply_journal(kept)->last_check);
  auto const other = sample.apply(store, 700);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->block, 0u);
  auto journal = *decode_apply_journal(kept);
  journal.patch = sha256(sample.old_file);
  store.journal = encode(journal);
  EXPECT_EQ(sample.apply(store)->block, 0u);
  journal.patch = sha256(sample.patch);
  journal.last_check.reset();
  store.journal = encode(journal);
  EXPECT_EQ(sample.apply(store)->block, 0u) << "a journal of a container";
}

TEST(RestartableBsdiff, ReadsOfThePatchAFewKilobytesAtOnce) {
  struct Counting final : ByteSource {
    explicit Counting(ByteView bytes) : source(bytes) {}
    auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
      largest = std::max(largest, out.size());
      total += out.size();
      return source.read(offset, out);
    }
    ViewSource source;
    size_t largest = 0;
    uint64_t total = 0;
  };
  Sample const sample;
  Counting old_file(sample.old_file);
  Counting patch(sample.patch);
  auto stream =
      BsdiffStream::open(old_file, sample.old_file.size(), patch, sample.patch.size(), {});
  ASSERT_TRUE(stream);
  ASSERT_TRUE((*stream)->skip(sample.new_file.size()));
  EXPECT_TRUE((*stream)->finish());
  EXPECT_EQ(old_file.total, 0u) << "what is passed over is not read";
  EXPECT_LE(patch.largest, 4096u);
}

}  // namespace
}  // namespace godwit::proto
