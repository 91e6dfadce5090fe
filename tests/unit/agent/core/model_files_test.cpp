// Files of models at rest: what is read is what was written or an error, whatever becomes of the
// bytes in storage; and what storage holds tells nothing.
#include "agent/core/model_files.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/powercut/sim/sim_device.h"

namespace godwit::agent::sim {
namespace {

using Form = ModelFiles::Form;
constexpr auto kFile = "slot.ic.a";

auto noise(size_t count, uint32_t seed = 1) -> Bytes {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

class ModelFilesTest : public testing::Test {
 protected:
  /// In writes of these sizes.
  void write(ModelFiles& files, Bytes const& bytes, std::vector<size_t> const& sizes) {
    size_t at = 0;
    for (auto const size : sizes) {
      ASSERT_TRUE(files.write(kFile, at, ByteView(bytes).subspan(at, size)));
      at += size;
    }
    ASSERT_EQ(at, bytes.size());
    ASSERT_TRUE(files.sync(kFile) && files.sync_folder());
  }
  /// As after a start.
  auto read(Form form = Form::sealed) -> Result<Bytes> {
    ModelFiles files(world.files, keys, memory, form);
    return files.read(kFile, 0, 1 << 20);
  }
  auto stored() -> Bytes { return *world.files.read(kFile, 0, 1 << 20); }

  World world;
  SimKeys keys{world};
  SimMemory memory;
  ModelFiles sealed{world.files, keys, memory, Form::sealed};
  ModelFiles plain{world.files, keys, memory, Form::plain};
};

TEST_F(ModelFilesTest, EveryRangeIsWhatWasWritten) {
  auto const bytes = noise(100'000);
  write(sealed, bytes, {1, 4063, 4064, 4065, 70'000, 17'807});
  EXPECT_EQ(*sealed.size(kFile), bytes.size());
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    size_t const offset = random() % (bytes.size() + 10);
    size_t const size = random() % (i % 2 ? 100 : 100'000);
    auto const begin = std::min(offset, bytes.size());
    auto const count = std::min(size, bytes.size() - begin);
    auto const part = ByteView(bytes).subspan(begin, count);
    ASSERT_EQ(*sealed.read(kFile, offset, size), Bytes(part.begin(), part.end()));
  }
  EXPECT_EQ(*read(), bytes);
  EXPECT_EQ(*read(Form::plain), bytes) << "whatever form is written now";
  auto const mapped = sealed.map(kFile);
  ASSERT_TRUE(mapped);
  EXPECT_TRUE(std::ranges::equal(mapped->view(), bytes));
}

TEST_F(ModelFilesTest, StorageHoldsNothingOfThePlaintext) {
  auto const bytes = noise(20'000);
  write(sealed, bytes, {10'000, 10'000});
  for (size_t at = 0; at + 8 <= bytes.size(); ++at)
    ASSERT_FALSE(world.files.hold(ByteView(bytes).subspan(at, 8))) << at;
  ASSERT_TRUE(plain.write("other", 0, bytes));
  EXPECT_TRUE(world.files.hold(ByteView(bytes).first(8)));
}

TEST_F(ModelFilesTest, EveryChangedByteIsNoticed) {
  auto const bytes = noise(300);
  write(sealed, bytes, {200, 100});
  auto const before = stored();
  for (size_t at = 0; at < before.size(); ++at) {
    world.files.damage(kFile, at);
    auto const now = read();
    // Before the key stands the form; a length that points past the end is a torn one.
    ASSERT_TRUE(!now || now->size() != bytes.size()) << at;
    ASSERT_TRUE(now || now.error().code == Code::corrupt) << at;
    ASSERT_TRUE(world.files.write(kFile, 0, before));
  }
  EXPECT_EQ(*read(), bytes);
}

TEST_F(ModelFilesTest, APartOpensOnlyInItsPlaceAndItsFile) {
  auto const bytes = noise(2000);
  write(sealed, bytes, {1000, 1000});
  auto const one = stored();
  size_t const part = 4 + proto::sealed_length(1000);
  auto const first = ByteView(one).subspan(one.size() - 2 * part, part);
  auto const second = ByteView(one).last(part);
  ASSERT_TRUE(world.files.write(kFile, one.size() - 2 * part, second));
  ASSERT_TRUE(world.files.write(kFile, one.size() - part, first));
  EXPECT_EQ(read().error().code, Code::corrupt);
  // The same bytes again are another file.
  ASSERT_TRUE(sealed.remove(kFile));
  write(sealed, bytes, {1000, 1000});
  ASSERT_TRUE(world.files.write(kFile, one.size() - part, second));
  EXPECT_EQ(read().error().code, Code::corrupt);
}

TEST_F(ModelFilesTest, WithoutTheKeyNothingOpens) {
  write(sealed, noise(500), {500});
  world.storage_key = proto::ContentKey::generate();
  EXPECT_EQ(read().error().code, Code::corrupt);
  EXPECT_EQ(ModelFiles(world.files, keys, memory, Form::plain).size(kFile).error().code,
            Code::corrupt);
}

TEST_F(ModelFilesTest, WhatIsWrittenAgainIsSealedAnew) {
  auto const bytes = noise(3000);
  write(sealed, bytes, {1000, 1000, 1000});
  auto const before = stored();
  ASSERT_TRUE(sealed.write(kFile, 1000, ByteView(bytes).subspan(1000, 1000)));
  ASSERT_TRUE(sealed.write(kFile, 2000, ByteView(bytes).subspan(2000, 1000)));
  auto const now = stored();
  ASSERT_EQ(now.size(), before.size());
  size_t const kept = before.size() - 2 * (4 + proto::sealed_length(1000));
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + kept, now.begin()));
  // No eight bytes of a message stand where they stood, but for FLOE's parameters.
  size_t same = 0;
  for (size_t at = kept; at + 8 <= now.size(); ++at)
    same += std::equal(now.begin() + at, now.begin() + at + 8, before.begin() + at);
  EXPECT_LE(same, 2u * 16);
  EXPECT_EQ(*read(), bytes);
}

TEST_F(ModelFilesTest, AWriteInsideAPartKeepsWhatIsBeforeIt) {
  auto const bytes = noise(3000);
  write(sealed, bytes, {1000, 1000, 1000});
  auto const other = noise(100, 3);
  ASSERT_TRUE(sealed.write(kFile, 1500, other));
  Bytes wanted(bytes.begin(), bytes.begin() + 1500);
  wanted.insert(wanted.end(), other.begin(), other.end());
  EXPECT_EQ(*read(), wanted);
  ASSERT_TRUE(sealed.truncate(kFile, 700));
  wanted.resize(700);
  EXPECT_EQ(*read(), wanted);
  EXPECT_EQ(sealed.write(kFile, 701, other).error().code, Code::internal);
}

TEST_F(ModelFilesTest, ATornEndIsNotThereAndIsWrittenOver) {
  auto const bytes = noise(2000);
  write(sealed, bytes, {1000, 1000});
  auto const whole = stored();
  size_t const second = whole.size() - 4 - proto::sealed_length(1000);
  for (auto const size : {second, second + 1, second + 4, second + 500, whole.size() - 1}) {
    ASSERT_TRUE(world.files.write(kFile, 0, whole));
    ASSERT_TRUE(world.files.truncate(kFile, size));
    ASSERT_EQ(read()->size(), 1000u);
    ModelFiles again(world.files, keys, memory, Form::sealed);
    ASSERT_TRUE(again.write(kFile, 1000, ByteView(bytes).subspan(1000, 10)));
    ASSERT_EQ(*read(), Bytes(bytes.begin(), bytes.begin() + 1010));
  }
  for (size_t size = 0; size < second - 4 - proto::sealed_length(1000); ++size) {
    ASSERT_TRUE(world.files.write(kFile, 0, whole));
    ASSERT_TRUE(world.files.truncate(kFile, size));
    ASSERT_EQ(read()->size(), 0u) << size;
    ModelFiles again(world.files, keys, memory, Form::sealed);
    ASSERT_EQ(again.write(kFile, 1000, bytes).error().code, Code::internal);
    ASSERT_TRUE(again.write(kFile, 0, bytes));
    ASSERT_EQ(*read(), bytes);
    ASSERT_TRUE(again.remove(kFile));
  }
}

TEST_F(ModelFilesTest, ConvertsBothWaysWhereverPowerIsLost) {
  auto const bytes = noise(600'000);
  for (auto const to : {Form::sealed, Form::plain}) {
    auto& before = to == Form::sealed ? plain : sealed;
    ASSERT_TRUE(before.remove(kFile) && before.sync_folder());
    write(before, bytes, {bytes.size()});
    auto const start = world.files;
    EXPECT_FALSE(*before.convert(kFile)) << "nothing is to be done";
    int cut = 1;
    for (bool done = false; !done; ++cut)
      for (auto const loss : kLosses) {
        world.files = start;
        world.files.cut_at(cut, loss);
        ModelFiles files(world.files, keys, memory, to);
        done = bool(files.convert(kFile));
        world.files.power_on();
        world.files.cut_at(0, loss);
        ASSERT_EQ(*read(), bytes) << cut;
        ModelFiles again(world.files, keys, memory, to);
        ASSERT_TRUE(again.convert(kFile));
        ASSERT_EQ(*read(), bytes) << cut;
        ASSERT_FALSE(*again.convert(kFile));
      }
    EXPECT_GT(cut, 6);
  }
  EXPECT_FALSE(*sealed.convert("nothing"));
}

}  // namespace
}  // namespace godwit::agent::sim
