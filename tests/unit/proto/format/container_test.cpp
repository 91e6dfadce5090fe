// Godwit's block container: what it makes, and everything that it must refuse.
#include "proto/format/container.h"

#include <gtest/gtest.h>

#include <functional>

#include "proto/format/varint.h"
#include "tests/unit/proto/format/container_sample.h"

namespace godwit::proto {
namespace {

using namespace test;

constexpr size_t kProfileAt = 10;

void expect_flips_refused(Sample const& sample, Bytes patch) {
  for (size_t at = 0; at < patch.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
      auto const made = sample.apply(patch);
      // A frame of zstd has bits that mean nothing; whatever is accepted is the right file.
      if (made) {
        EXPECT_EQ(*made, sample.new_file) << at;
      }
      patch[at] = static_cast<uint8_t>(patch[at] ^ 1 << bit);
    }
  }
}

class EachVersion : public testing::TestWithParam<uint16_t> {};
INSTANTIATE_TEST_SUITE_P(Container, EachVersion, testing::Values(3, kContainerVersion));

TEST_P(EachVersion, CopiesAndSplices) {
  Sample sample;
  auto const made = sample.apply(sample.build(GetParam()));
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(*made, sample.new_file);
}

TEST_P(EachVersion, BlocksAreIndependent) {
  Sample sample;
  auto const patch = sample.build(GetParam());
  auto const container = parse_container(patch, {});
  ASSERT_TRUE(container);
  Bytes last(100);
  ASSERT_TRUE(BlockApplier(*container, sample.old_file).apply(container->blocks[1], last));
  EXPECT_TRUE(std::equal(last.begin(), last.end(), sample.new_file.begin() + 200));
}

/// A copy without a check, as makers write it.
TEST(Container, EveryFlippedBitIsRefusedWhereCopiesHaveNoCheck) {
  Sample sample;
  sample.container.blocks[0].check.reset();
  expect_flips_refused(sample, sample.build());
}

TEST(Container, AnotherOldFileIsAConflict) {
  Sample sample;
  auto const patch = sample.build();
  sample.old_file[999] ^= 1;  // a byte that no block reads
  auto const made = sample.apply(patch);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::conflict);
}

TEST_P(EachVersion, EveryCutIsRefused) {
  Sample sample;
  auto const patch = sample.build(GetParam());
  for (size_t bytes = 0; bytes < patch.size(); ++bytes)
    EXPECT_FALSE(sample.apply(ByteView(patch).first(bytes))) << bytes;
}

TEST_P(EachVersion, EveryFlippedBitIsRefused) {
  Sample sample;
  expect_flips_refused(sample, sample.build(GetParam()));
}

TEST_P(EachVersion, InspectionCounts) {
  Sample sample;
  auto const info = inspect_container(sample.build(GetParam()), {});
  ASSERT_TRUE(info) << info.error().what;
  EXPECT_EQ(info->copied_bytes, 200u);
  EXPECT_EQ(info->added_bytes, 80u);
  EXPECT_EQ(info->literal_bytes, 20u);
  EXPECT_EQ(info->instructions, 3u);
  ASSERT_TRUE(info->container);
  EXPECT_EQ(info->container->blocks, 2u);
  EXPECT_EQ(info->container->new_sha256, sha256(sample.new_file));
}

/// With a section of no bytes, as a later version of the format may have it.
auto with_section(Sample& sample, uint16_t flags) -> Bytes {
  Writer section;
  section.u16(77);
  section.u16(flags);
  section.u32(0);
  sample.container.sections = section.view();
  return sample.build();
}

TEST(Container, UnknownSectionsArePassedOverUnlessTheyAreCritical) {
  Sample sample;
  EXPECT_TRUE(sample.apply(with_section(sample, 0)));
  EXPECT_FALSE(sample.apply(with_section(sample, 1)));
}

TEST_P(EachVersion, TheLimitHolds) {
  Sample sample;
  auto const patch = sample.build(GetParam());
  EXPECT_TRUE(apply_container(sample.old_file, patch, {.new_bytes_max = 300}));
  EXPECT_FALSE(apply_container(sample.old_file, patch, {.new_bytes_max = 299}));
}

struct Hole {
  char const* name;
  std::function<void(Sample&)> open = [](Sample&) {};
  std::function<void(Bytes&)> spoil = [](Bytes&) {};
  uint16_t version = kContainerVersion;
};

/// Makes a number of four bytes and more of the last byte of one.
void lengthen(Bytes& patch, size_t at) {
  patch[at] |= 0x80;
  patch.insert(patch.begin() + static_cast<ptrdiff_t>(at) + 1, {0xff, 0xff, 0xff, 0x0f});
}

class ContainerHoles : public testing::TestWithParam<Hole> {};

TEST_P(ContainerHoles, IsRefused) {
  Sample sample;
  GetParam().open(sample);
  auto patch = sample.build(GetParam().version);
  GetParam().spoil(patch);
  auto const made = sample.apply(patch);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::corrupt) << made.error().what;
}

/// Of the sample's header: each length is two bytes or one.
constexpr size_t kNewBytesAt = 14;
constexpr size_t kSectionBytesAt = 16;
constexpr size_t kIndexBytesAt = 17;
constexpr size_t kFirstAt = 66;  // entries: size, distance and check follow the first one's head
constexpr size_t kSecondAt = kFirstAt + 13;

INSTANTIATE_TEST_SUITE_P(
    Header, ContainerHoles,
    testing::Values(
        Hole{.name = "OtherMagic", .spoil = [](Bytes& p) { p[0] = 'X'; }},
        Hole{.name = "LaterVersion", .spoil = [](Bytes& p) { p[8] = kContainerVersion + 1; }},
        Hole{.name = "NoVersion", .spoil = [](Bytes& p) { p[8] = 0; }},
        Hole{.name = "UnknownProfile", .spoil = [](Bytes& p) { p[kProfileAt] = 9; }},
        Hole{.name = "LargerNewFile", .spoil = [](Bytes& p) { ++p[kNewBytesAt]; }},
        Hole{.name = "SmallerNewFile", .spoil = [](Bytes& p) { --p[kNewBytesAt]; }},
        Hole{.name = "HugeNewFile", .spoil = [](Bytes& p) { lengthen(p, kNewBytesAt + 1); }},
        Hole{.name = "HugeSections", .spoil = [](Bytes& p) { lengthen(p, kSectionBytesAt); }},
        Hole{.name = "HugeIndex", .spoil = [](Bytes& p) { lengthen(p, kIndexBytesAt); }},
        Hole{.name = "LongerIndex", .spoil = [](Bytes& p) { ++p[kIndexBytesAt]; }},
        Hole{.name = "ShorterIndex", .spoil = [](Bytes& p) { --p[kIndexBytesAt]; }},
        Hole{.name = "NumberInALongerForm",
             .spoil =
                 [](Bytes& p) {
                   p[kSectionBytesAt] = 0x80;
                   p.insert(p.begin() + kSectionBytesAt + 1, 0);
                 }},
        Hole{.name = "TrailingBytes", .spoil = [](Bytes& p) { p.push_back(0); }}),
    [](auto const& hole) { return hole.param.name; });

INSTANTIATE_TEST_SUITE_P(
    LongHeader, ContainerHoles,
    testing::Values(
        Hole{.name = "OtherMagic", .spoil = [](Bytes& p) { p[0] = 'X'; }, .version = 3},
        Hole{.name = "UnknownProfile", .spoil = [](Bytes& p) { p[10] = 9; }, .version = 3},
        Hole{.name = "ManyBlocks", .spoil = [](Bytes& p) { p[15] = 0xff; }, .version = 3},
        Hole{.name = "FewerBlocks", .spoil = [](Bytes& p) { p[12] = 1; }, .version = 3},
        Hole{.name = "LargerNewFile", .spoil = [](Bytes& p) { ++p[24]; }, .version = 3},
        Hole{.name = "SmallerNewFile", .spoil = [](Bytes& p) { --p[24]; }, .version = 3},
        Hole{.name = "HugeNewFile", .spoil = [](Bytes& p) { p[31] = 0xff; }, .version = 3},
        Hole{.name = "HugeSections", .spoil = [](Bytes& p) { p[99] = 0xff; }, .version = 3},
        Hole{.name = "HugeIndex", .spoil = [](Bytes& p) { p[103] = 0xff; }, .version = 3},
        Hole{.name = "WrongCheck",
             .open = [](Sample& s) { *s.container.blocks[0].check ^= 1; },
             .version = 3},
        Hole{.name = "TrailingBytes", .spoil = [](Bytes& p) { p.push_back(0); }, .version = 3}),
    [](auto const& hole) { return hole.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Blocks, ContainerHoles,
    testing::Values(
        Hole{.name = "Empty", .open = [](Sample& s) { s.container.blocks[0].new_bytes = 0; }},
        Hole{.name = "Large",
             .open = [](Sample& s) { s.container.blocks[0].new_bytes = kBlockBytesMax + 1; }},
        Hole{.name = "PastTheNewFile",
             .open = [](Sample& s) { s.container.blocks[1].new_bytes = 101; }},
        Hole{.name = "CopyPastTheOldFile",
             .open = [](Sample& s) { s.container.blocks[0].old_offset = 801; }},
        Hole{.name = "CopyFromAfar",
             .open = [](Sample& s) { s.container.blocks[0].old_offset = ~uint64_t{0}; }},
        Hole{.name = "CopyWithPayload",
             .open = [](Sample& s) { s.container.blocks[0].payload = s.literals; }},
        Hole{.name = "SpliceFromPastTheOldFile",
             .open = [](Sample& s) { s.container.blocks[1].old_offset = 1001; }},
        Hole{.name = "UnknownOperation",
             .open = [](Sample& s) { s.container.blocks[0].operation = BlockOperation{2}; }},
        Hole{.name = "WrongCheck", .open = [](Sample& s) { *s.container.blocks[0].check ^= 1; }},
        Hole{.name = "SpliceThatSaysItIsARun", .spoil = [](Bytes& p) { p[kSecondAt] |= 0x20; }},
        Hole{.name = "RunOfCheckedCopies", .spoil = [](Bytes& p) { p[kFirstAt] |= 0x20; }},
        Hole{.name = "RunPastTheNewFile",
             .open = [](Sample& s) { s.container.blocks[0].check.reset(); },
             .spoil = [](Bytes& p) { p[kFirstAt] |= 0x40; }},
        Hole{.name = "WrongResult",
             .open = [](Sample& s) { s.container.new_sha256.bytes[0] ^= 1; }}),
    [](auto const& hole) { return hole.param.name; });

void three_streams(Sample& s, std::function<void(Bytes&)> const& diff) {
  add_stored(s.payload, write_instructions(s.instructions));
  diff(s.payload);
  add_stored(s.payload, s.literals);
}

INSTANTIATE_TEST_SUITE_P(
    Splices, ContainerHoles,
    testing::Values(
        Hole{.name = "MakesLess", .open = [](Sample& s) { s.instructions[1].add = 19; }},
        Hole{.name = "MakesMore", .open = [](Sample& s) { s.instructions[1].add = 21; }},
        Hole{.name = "MakesFarMore", .open = [](Sample& s) { s.instructions[1].add = ~0u; }},
        Hole{.name = "NoInstructions", .open = [](Sample& s) { s.instructions.clear(); }},
        Hole{.name = "SeeksBefore", .open = [](Sample& s) { s.instructions[0].seek = -61; }},
        Hole{.name = "SeeksPast", .open = [](Sample& s) { s.instructions[0].seek = 941; }},
        Hole{.name = "SeeksFar", .open = [](Sample& s) { s.instructions[0].seek = INT64_MIN; }},
        Hole{.name = "ReadsPast", .open = [](Sample& s) { s.instructions[0].seek = 921; }},
        Hole{.name = "ShortDifferences", .open = [](Sample& s) { s.diff.pop_back(); }},
        Hole{.name = "LongDifferences", .open = [](Sample& s) { s.diff.push_back(0); }},
        Hole{.name = "ShortLiterals", .open = [](Sample& s) { s.literals.pop_back(); }},
        Hole{.name = "LongLiterals", .open = [](Sample& s) { s.literals.push_back(0); }},
        Hole{.name = "UnknownCodec",
             .open =
                 [](Sample& s) {
                   three_streams(s, [&](Bytes& p) {
                     write_stream(p, StreamCodec{2}, s.diff.size(), s.diff);
                   });
                 }},
        Hole{.name = "StoredOfTwoLengths",
             .open =
                 [](Sample& s) {
                   three_streams(
                       s, [&](Bytes& p) { write_stream(p, StreamCodec::stored, 79, s.diff); });
                 }},
        Hole{.name = "ZstdThatMakesMore",
             .open =
                 [](Sample& s) {
                   three_streams(s, [&](Bytes& p) {
                     Bytes coded(1000);
                     Bytes const zeros(1u << 20);
                     coded.resize(ZSTD_compress(coded.data(), 1000, zeros.data(), zeros.size(), 3));
                     write_stream(p, StreamCodec::zstd, 80, coded);
                   });
                 }},
        Hole{.name = "StreamOfGigabytes",
             .open =
                 [](Sample& s) {
                   three_streams(s, [&](Bytes& p) {
                     write_stream(p, StreamCodec::zstd, uint64_t{1} << 40, s.diff);
                   });
                 }},
        Hole{.name = "BytesAfterTheStreams",
             .open =
                 [](Sample& s) {
                   three_streams(s, [&](Bytes& p) { add_zstd(p, s.diff); });
                   s.payload.push_back(0);
                 }}),
    [](auto const& hole) { return hole.param.name; });

TEST(Varint, KeepsEveryValue) {
  for (int64_t const value : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{63}, int64_t{-64},
                              int64_t{64}, int64_t{1} << 40, INT64_MAX, INT64_MIN}) {
    Writer writer;
    write_zigzag(writer, value);
    write_varint(writer, static_cast<uint64_t>(value));
    Reader reader(writer.view());
    EXPECT_EQ(*read_zigzag(reader), value);
    EXPECT_EQ(*read_varint(reader), static_cast<uint64_t>(value));
    EXPECT_EQ(reader.left(), 0u);
  }
}

TEST(Varint, HasOneFormForEach) {
  for (Bytes const& coded :
       {Bytes{0x80, 0x00}, Bytes{0x81, 0x80, 0x00}, Bytes{0x80}, Bytes(11, 0x80),
        Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}}) {
    Reader reader(coded);
    EXPECT_FALSE(read_varint(reader)) << to_hex(coded);
  }
}

}  // namespace
}  // namespace godwit::proto
