// Sealed records: what is read is what this device wrote under that name, or is refused.
#include "agent/core/sealed_record.h"

#include <gtest/gtest.h>

#include "agent/core/records.h"
#include "tests/powercut/sim/sim_device.h"

namespace godwit::agent::sim {
namespace {

constexpr auto kName = "slots";
constexpr auto kText = R"({"active":1,"v":1})";

class SealedRecordTest : public testing::Test {
 protected:
  auto get(std::string_view name = kName) { return get_sealed_record(world.files, keys, name); }
  void put_bytes(std::string_view bytes, std::string_view name = kName) {
    ASSERT_TRUE(put_record(world.files, name, as_bytes(bytes)));
  }
  auto written() -> std::string {
    EXPECT_TRUE(put_sealed_record(world.files, keys, kName, kText));
    return std::string(as_text(*get_record(world.files, kName)));
  }
  World world;
  SimKeys keys{world};
};

TEST_F(SealedRecordTest, ReadsAsItWasWritten) {
  EXPECT_EQ(get()->text, "");
  auto const bytes = written();
  EXPECT_TRUE(bytes.starts_with(std::string(kText) + "\n")) << "people can read it";
  EXPECT_EQ(get()->text, kText);
  EXPECT_TRUE(get()->sealed);
  EXPECT_NE(written(), bytes) << "each has a key of its own";
}

TEST_F(SealedRecordTest, EveryChangedBitIsRefused) {
  auto const bytes = written();
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    put_bytes(changed);
    auto const read = get();
    // Hexadecimal digits have two cases: another spelling is no other seal.
    if (!read) continue;
    EXPECT_EQ(read->sealed ? read->text : kText, kText) << bit;
    EXPECT_TRUE(read->sealed || bit / 8 == std::string_view(kText).size()) << "no second line";
  }
}

TEST_F(SealedRecordTest, EveryCutIsRefusedOnceRecordsAreSealed) {
  auto const bytes = written();
  ASSERT_TRUE(keys.begin_sealing_records());
  for (size_t size = 0; size < bytes.size(); ++size) {
    put_bytes(std::string_view(bytes).substr(0, size));
    EXPECT_EQ(get().error().code, Code::denied) << size;
  }
  put_bytes(bytes + "x");
  EXPECT_EQ(get().error().code, Code::denied);
}

TEST_F(SealedRecordTest, UnderAnotherNameOrOnAnotherDeviceItIsRefused) {
  auto const bytes = written();
  put_bytes(bytes, "journal");
  EXPECT_EQ(get("journal").error().code, Code::denied);
  world.storage_key = proto::ContentKey::generate();
  EXPECT_EQ(get().error().code, Code::denied);
}

TEST_F(SealedRecordTest, WithoutASealItCountsOnlyUntilRecordsAreSealed) {
  put_bytes(kText);
  EXPECT_EQ(get()->text, kText);
  EXPECT_FALSE(get()->sealed);
  ASSERT_TRUE(keys.begin_sealing_records());
  EXPECT_EQ(get().error().code, Code::denied);
}

}  // namespace
}  // namespace godwit::agent::sim
