// Godwit's block container: what it makes, and everything that it must refuse.
#include "proto/format/container.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <functional>

#include "proto/format/splice.h"
#include "proto/format/varint.h"
#include "proto/trust/digest.h"

namespace godwit::proto {
namespace {

constexpr size_t kProfileAt = 10;
constexpr size_t kNewBytesAt = 24;
constexpr size_t kSectionBytesAt = 96;

auto bytes_of(size_t count, uint32_t seed) -> Bytes {
  Bytes bytes(count);
  for (auto& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

void add_stored(Bytes& payload, ByteView plain) {
  write_stream(payload, StreamCodec::stored, plain.size(), plain);
}
void add_zstd(Bytes& payload, ByteView plain) {
  Bytes coded(ZSTD_compressBound(plain.size()));
  coded.resize(ZSTD_compress(coded.data(), coded.size(), plain.data(), plain.size(), 3));
  write_stream(payload, StreamCodec::zstd, plain.size(), coded);
}

/// Two blocks: the first copies old[100, 300), the second splices 60 bytes of old[0, ...) raised by
/// one, 20 literals and 20 bytes of old[500, ...).
struct Sample {
  Bytes old_file = bytes_of(1000, 1);
  Bytes new_file;
  std::vector<Instruction> instructions = {{.add = 60, .literal = 20, .seek = 440},
                                           {.add = 20, .literal = 0, .seek = 0}};
  Bytes diff = Bytes(80, 0);
  Bytes literals = bytes_of(20, 2);
  Bytes payload;
  Container container;

  Sample() {
    std::fill_n(diff.begin(), 60, uint8_t{1});
    new_file.assign(old_file.begin() + 100, old_file.begin() + 300);
    for (size_t i = 0; i < 60; ++i) new_file.push_back(static_cast<uint8_t>(old_file[i] + 1));
    new_file.insert(new_file.end(), literals.begin(), literals.end());
    new_file.insert(new_file.end(), old_file.begin() + 500, old_file.begin() + 520);
    container = {.profile = Profile::bytes,
                 .old_bytes = old_file.size(),
                 .new_bytes = new_file.size(),
                 .old_sha256 = sha256(old_file),
                 .new_sha256 = sha256(new_file),
                 .blocks = {{.new_offset = 0,
                             .new_bytes = 200,
                             .operation = BlockOperation::copy,
                             .old_offset = 100,
                             .payload = {},
                             .check = block_check(ByteView(new_file).first(200))},
                            {.new_offset = 200,
                             .new_bytes = 100,
                             .operation = BlockOperation::splice,
                             .old_offset = 0,
                             .payload = {},
                             .check = block_check(ByteView(new_file).subspan(200))}}};
  }

  auto build() -> Bytes {
    if (payload.empty()) {
      add_stored(payload, write_instructions(instructions));
      add_zstd(payload, diff);
      add_stored(payload, literals);
    }
    container.blocks[1].payload = payload;
    return write_container(container);
  }
  auto apply(ByteView patch) const -> Result<Bytes> {
    return apply_container(old_file, patch, {.new_bytes_max = 1000});
  }
};

TEST(Container, CopiesAndSplices) {
  Sample sample;
  auto const made = sample.apply(sample.build());
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(*made, sample.new_file);
}

TEST(Container, BlocksAreIndependent) {
  Sample sample;
  auto const patch = sample.build();
  auto const container = parse_container(patch, {});
  ASSERT_TRUE(container);
  Bytes last(100);
  ASSERT_TRUE(BlockApplier(*container, sample.old_file).apply(container->blocks[1], last));
  EXPECT_TRUE(std::equal(last.begin(), last.end(), sample.new_file.begin() + 200));
}

TEST(Container, AnotherOldFileIsAConflict) {
  Sample sample;
  auto const patch = sample.build();
  sample.old_file[999] ^= 1;  // a byte that no block reads
  auto const made = sample.apply(patch);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::conflict);
}

TEST(Container, EveryCutIsRefused) {
  Sample sample;
  auto const patch = sample.build();
  for (size_t bytes = 0; bytes < patch.size(); ++bytes)
    EXPECT_FALSE(sample.apply(ByteView(patch).first(bytes))) << bytes;
}

TEST(Container, EveryFlippedBitIsRefused) {
  Sample sample;
  auto patch = sample.build();
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

TEST(Container, InspectionCounts) {
  Sample sample;
  auto const info = inspect_container(sample.build(), {});
  ASSERT_TRUE(info) << info.error().what;
  EXPECT_EQ(info->copied_bytes, 200u);
  EXPECT_EQ(info->added_bytes, 80u);
  EXPECT_EQ(info->literal_bytes, 20u);
  EXPECT_EQ(info->instructions, 3u);
  ASSERT_TRUE(info->container);
  EXPECT_EQ(info->container->blocks, 2u);
  EXPECT_EQ(info->container->new_sha256, sha256(sample.new_file));
}

/// Inserts a section of no bytes, as a later version of the format may.
auto with_section(Bytes patch, uint16_t flags) -> Bytes {
  Writer section;
  section.u16(77);
  section.u16(flags);
  section.u32(0);
  patch[kSectionBytesAt] = static_cast<uint8_t>(section.size());
  auto const at = patch.begin() + static_cast<ptrdiff_t>(kContainerHeaderBytes);
  patch.insert(at, section.view().begin(), section.view().end());
  return patch;
}

TEST(Container, UnknownSectionsArePassedOverUnlessTheyAreCritical) {
  Sample sample;
  auto const patch = sample.build();
  EXPECT_TRUE(sample.apply(with_section(patch, 0)));
  EXPECT_FALSE(sample.apply(with_section(patch, 1)));
}

TEST(Container, TheLimitHolds) {
  Sample sample;
  auto const patch = sample.build();
  EXPECT_TRUE(apply_container(sample.old_file, patch, {.new_bytes_max = 300}));
  EXPECT_FALSE(apply_container(sample.old_file, patch, {.new_bytes_max = 299}));
}

struct Hole {
  char const* name;
  std::function<void(Sample&)> open = [](Sample&) {};
  std::function<void(Bytes&)> spoil = [](Bytes&) {};
};

class ContainerHoles : public testing::TestWithParam<Hole> {};

TEST_P(ContainerHoles, IsRefused) {
  Sample sample;
  GetParam().open(sample);
  auto patch = sample.build();
  GetParam().spoil(patch);
  auto const made = sample.apply(patch);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::corrupt) << made.error().what;
}

INSTANTIATE_TEST_SUITE_P(
    Header, ContainerHoles,
    testing::Values(
        Hole{.name = "OtherMagic", .spoil = [](Bytes& p) { p[0] = 'X'; }},
        Hole{.name = "LaterVersion", .spoil = [](Bytes& p) { p[8] = kContainerVersion + 1; }},
        Hole{.name = "UnknownProfile", .spoil = [](Bytes& p) { p[kProfileAt] = 9; }},
        Hole{.name = "MoreBlocksThanTheIndexHolds", .spoil = [](Bytes& p) { p[15] = 0xff; }},
        Hole{.name = "FewerBlocks", .spoil = [](Bytes& p) { p[12] = 1; }},
        Hole{.name = "LargerNewFile", .spoil = [](Bytes& p) { ++p[kNewBytesAt]; }},
        Hole{.name = "SmallerNewFile", .spoil = [](Bytes& p) { --p[kNewBytesAt]; }},
        Hole{.name = "HugeNewFile", .spoil = [](Bytes& p) { p[31] = 0xff; }},
        Hole{.name = "HugeSections", .spoil = [](Bytes& p) { p[99] = 0xff; }},
        Hole{.name = "HugeIndex", .spoil = [](Bytes& p) { p[103] = 0xff; }},
        Hole{.name = "TrailingBytes", .spoil = [](Bytes& p) { p.push_back(0); }}),
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
        Hole{.name = "WrongCheck", .open = [](Sample& s) { s.container.blocks[0].check ^= 1; }},
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
