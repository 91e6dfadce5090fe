#include "server/delta/delta.h"

#include <gtest/gtest.h>

#include <random>

#include "server/delta/match.h"
#include "server/delta/suffix_index.h"
#include "server/delta/tables/find_pairs.h"
#include "server/delta/weights/gap_match.h"
#include "tests/unit/server/delta/corpus.h"

namespace godwit::delta {
namespace {

using proto::PatchFormat;

class EachFormat : public testing::TestWithParam<PatchFormat> {};
INSTANTIATE_TEST_SUITE_P(Delta, EachFormat,
                         testing::Values(PatchFormat::bsdiff, PatchFormat::godwit),
                         [](auto const& format) { return std::string(to_string(format.param)); });

TEST_P(EachFormat, MakesEveryNewFileAgain) {
  for (Pair const& pair : made_pairs()) {
    auto const patch = make_patch(pair.old_file, pair.new_file, GetParam());
    ASSERT_TRUE(patch) << pair.name << ": " << patch.error().what;
    EXPECT_EQ(*proto::detect_patch(*patch), GetParam());
    auto const made = proto::apply_patch(pair.old_file, *patch, {});
    ASSERT_TRUE(made) << pair.name << ": " << made.error().what;
    EXPECT_TRUE(*made == pair.new_file) << pair.name;
    auto const info = proto::inspect_patch(*patch, {});
    ASSERT_TRUE(info) << pair.name << ": " << info.error().what;
    EXPECT_EQ(info->added_bytes + info->copied_bytes + info->literal_bytes, pair.new_file.size());
    // Whatever the files are, a patch is hardly larger than the new one.
    EXPECT_LT(patch->size(), pair.new_file.size() + pair.new_file.size() / 64 + 600) << pair.name;
  }
}

TEST_P(EachFormat, IsTheSameEachTime) {
  auto const pair = history_pairs().front();
  EXPECT_EQ(*make_patch(pair.old_file, pair.new_file, GetParam()),
            *make_patch(pair.old_file, pair.new_file, GetParam()));
}

TEST(Delta, TheContainerIsSmallerThanBsdiffOnTheRealHistory) {
  for (Pair const& pair : history_pairs()) {
    auto const ours = make_patch(pair.old_file, pair.new_file, PatchFormat::godwit);
    auto const bsdiff = make_patch(pair.old_file, pair.new_file, PatchFormat::bsdiff);
    ASSERT_TRUE(ours && bsdiff) << pair.name;
    EXPECT_LT(ours->size(), bsdiff->size()) << pair.name;
  }
}

TEST(Delta, WeightsThatAllMovedALittleAreCodedInPlace) {
  std::mt19937 random(3);
  Bytes old_file(600'000);
  Bytes new_file(old_file.size());
  for (size_t i = 0; i < old_file.size(); ++i) {
    old_file[i] = static_cast<uint8_t>(random());
    new_file[i] = static_cast<uint8_t>(old_file[i] + random() % 3);
  }
  auto const patch = make_patch(old_file, new_file, PatchFormat::godwit);
  ASSERT_TRUE(patch);
  EXPECT_LT(patch->size(), new_file.size() / 4);  // log2(3) of 8 bits, and a little
}

/// A program of random code with many calls to a few functions, some of which have moved: the
/// calls' distances differ, and nothing else.
auto program(bool moved) -> Bytes {
  std::mt19937 engine(5);
  auto const random = [&] { return static_cast<uint32_t>(engine()); };
  Bytes code(200'000);
  for (auto& byte : code) byte = static_cast<uint8_t>(random());
  uint32_t targets[40];
  for (auto& target : targets) target = random() % 150'000;
  for (uint32_t at = 8; at + 8 < code.size(); at += 8 + random() % 90) {
    uint32_t const function = random() % 40;
    uint32_t const target = targets[function] + (moved && function % 2 ? 0x190 : 0);
    uint32_t const distance = target - (at + 5);
    code[at] = 0xe8;
    for (uint32_t i = 0; i < 4; ++i) code[at + 1 + i] = static_cast<uint8_t>(distance >> (8 * i));
  }
  return code;
}

TEST(Delta, OfAProgramWhoseFunctionsMovedTheAddressesArePredicted) {
  auto const old_file = program(false);
  auto const new_file = program(true);
  auto const bsdiff = make_patch(old_file, new_file, PatchFormat::bsdiff);
  for (auto const profile : {proto::Profile::weights_small, proto::Profile::weights_large}) {
    auto const patch = make_patch(old_file, new_file, {.profile = profile});
    ASSERT_TRUE(patch && bsdiff);
    EXPECT_LT(patch->size(), bsdiff->size() / 2);
    EXPECT_TRUE(*proto::apply_patch(old_file, *patch, {}) == new_file);
  }
}

TEST(Delta, ARepeatedRollbackIsOneCopy) {
  auto const pair = history_pairs().at(3);  // ic-4 is ic-2 again
  auto const patch = make_patch(pair.old_file, pair.new_file, PatchFormat::godwit);
  ASSERT_TRUE(patch);
  EXPECT_LT(patch->size(), 128u);
}

TEST(Matches, CoverTheNewFileAndStayInsideTheOldOne) {
  for (Pair const& pair : made_pairs()) {
    uint64_t covered = 0;
    for (Match const& match : find_matches(pair.old_file, pair.new_file)) {
      covered += match.add + match.literal;
      EXPECT_LE(match.old_offset + match.add, pair.old_file.size()) << pair.name;
    }
    EXPECT_EQ(covered, pair.new_file.size()) << pair.name;
  }
}

TEST(Matches, OfGapsEndWhereTheirGapsDo) {
  // Three gaps with tensors between them: the first is in the old file, the others are not.
  Bytes old_file(400, 1);
  for (size_t i = 0; i < 60; ++i) old_file[i] = static_cast<uint8_t>(i * 7);
  Bytes new_file(600, 2);
  std::copy_n(old_file.begin(), 60, new_file.begin());
  for (size_t i = 260; i < 300; ++i) new_file[i] = static_cast<uint8_t>(i * 11);
  std::vector<TensorPair> pairs;
  for (uint64_t const offset : {60, 300})
    pairs.push_back({.to = {.name = "w", .offset = offset, .rows = 1, .cols = 200}});
  std::vector<uint64_t> const ends = {60, 60 + 40, 60 + 40 + 100};
  uint64_t covered = 0;
  size_t gap = 0;
  for (Match const& match : match_gaps(old_file, new_file, pairs)) {
    ASSERT_LT(gap, ends.size());
    covered += match.add + match.literal;
    EXPECT_LE(covered, ends[gap]);
    gap += covered == ends[gap];
  }
  EXPECT_EQ(gap, ends.size());
}

/// The longest match by looking everywhere.
auto longest_by_force(ByteView text, ByteView pattern) -> size_t {
  size_t longest = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    size_t length = 0;
    while (length < pattern.size() && at + length < text.size() &&
           text[at + length] == pattern[length])
      ++length;
    longest = std::max(longest, length);
  }
  return longest;
}

TEST(SuffixIndex, FindsTheLongestMatch) {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    // Few letters, zero among them, give matches that end at the end of the text and at bucket
    // bounds.
    auto const letters = 1 + random() % 3;
    auto const word = [&](size_t bytes_max) {
      Bytes bytes(random() % bytes_max);
      for (auto& byte : bytes) byte = static_cast<uint8_t>(random() % letters);
      return bytes;
    };
    Bytes const text = word(40);
    Bytes const pattern = word(12);
    auto const found = SuffixIndex(text).longest(pattern);
    EXPECT_EQ(found.length, longest_by_force(text, pattern)) << to_hex(text) << to_hex(pattern);
    ASSERT_LE(found.offset + found.length, text.size());
    EXPECT_TRUE(std::equal(pattern.begin(), pattern.begin() + static_cast<ptrdiff_t>(found.length),
                           text.begin() + static_cast<ptrdiff_t>(found.offset)));
  }
}

TEST(Delta, AnOldFileThatSaysNothingCostsNothing) {
  auto const patch = [](ByteView from, ByteView to) {
    return make_patch_of(from, to, find_pairs(from, to), {})->size();
  };
  auto const pairs = history_pairs();
  Bytes const& to = pairs.back().old_file;
  size_t const alone = patch({}, to);
  for (size_t const other : {0, 4})  // of other families
    EXPECT_LE(patch(pairs[other].old_file, to), alone + alone / 256) << pairs[other].name;
}

}  // namespace
}  // namespace godwit::delta
