// Model slots as an installer: what every call promises, and what a repeated or misplaced one does.
#include "agent/install/model_slots.h"

#include <gtest/gtest.h>

#include "agent/core/records.h"
#include "agent/core/sealed_record.h"
#include "proto/trust/digest.h"
#include "tests/powercut/sim/sim_device.h"

namespace godwit::agent {
namespace {

using Standing = Installer::Standing;

auto const kModel = *ModelName::parse("ic");

auto plain(std::string_view text) -> Bytes {
  return to_bytes(std::string(1000, 'x') + std::string(text));
}

auto image(std::string const& version, Bytes const& bytes, uint64_t counter = 1) -> Image {
  return {kModel, *Version::parse(version), counter, bytes.size(), proto::sha256(bytes)};
}

class ModelSlotsTest : public testing::Test {
 protected:
  auto try_open() -> Result<ModelSlots> {
    return ModelSlots::open(files, keys, files, [](ByteView) -> Result<> { return {}; });
  }
  auto open() -> ModelSlots { return *try_open(); }
  void install(std::string const& version, uint64_t counter = 1) {
    auto slots = open();
    auto const bytes = plain(version);
    auto const release = image(version, bytes, counter);
    ASSERT_TRUE(slots.write(release, bytes));
    ASSERT_TRUE(slots.verify(release));
    ASSERT_TRUE(slots.activate(release));
    ASSERT_TRUE(slots.confirm(release));
  }
  auto running() -> std::string {
    auto const held = open().identify(kModel);
    return held.running ? held.running->version : "";
  }
  auto other() -> std::string {
    auto const held = open().identify(kModel);
    return held.other ? held.other->version : "";
  }
  /// The record without its seal.
  auto text() -> std::string { return get_sealed_record(files, keys, "slots")->text; }
  sim::World world;
  sim::SimFiles& files = world.files;
  sim::SimKeys keys{world};
};

TEST_F(ModelSlotsTest, ANewDeviceHoldsNothing) {
  auto slots = open();
  EXPECT_TRUE(slots.components().empty());
  EXPECT_EQ(*slots.begin(kModel), Standing::settled);
  EXPECT_EQ(slots.read(kModel, Slot::running).error().code, Code::not_found);
  EXPECT_TRUE(slots.back_up(kModel));
}

TEST_F(ModelSlotsTest, ReleasesAlternateAndTheOneBeforeIsKept) {
  install("1.0.0");
  install("1.1.0");
  EXPECT_EQ(running(), "1.1.0");
  EXPECT_EQ(other(), "1.0.0");
  install("1.2.0");
  EXPECT_EQ(running(), "1.2.0");
  EXPECT_EQ(other(), "1.1.0");
  EXPECT_TRUE(std::ranges::equal(open().read(kModel, Slot::running)->view(), plain("1.2.0")));
  EXPECT_TRUE(std::ranges::equal(open().read(kModel, Slot::other)->view(), plain("1.1.0")));
}

TEST_F(ModelSlotsTest, WhatIsWrittenIsShownOnlyOnceItIsVerified) {
  install("1.0.0");
  auto slots = open();
  auto const bytes = plain("1.1.0");
  ASSERT_TRUE(slots.write(image("1.1.0", bytes), bytes));
  EXPECT_EQ(other(), "");
  files.damage("slot.ic.b", 7);
  EXPECT_EQ(slots.verify(image("1.1.0", bytes)).error().code, Code::corrupt);
  EXPECT_EQ(other(), "");
  EXPECT_EQ(slots.activate(image("1.1.0", bytes)).error().code, Code::not_found);
  EXPECT_EQ(running(), "1.0.0");
}

TEST_F(ModelSlotsTest, AFileThatIsTakenOverIsGoneFromWhereItWas) {
  install("1.0.0");
  install("1.1.0");
  auto slots = open();
  auto const bytes = plain("1.2.0");
  auto const release = image("1.2.0", bytes);
  ASSERT_TRUE(files.write("made", 0, bytes));
  ASSERT_TRUE(files.sync("made"));
  ASSERT_TRUE(slots.adopt(release, "made"));
  EXPECT_EQ(other(), "") << "not before it was read back";
  EXPECT_EQ(files.size("made").error().code, Code::not_found);
  ASSERT_TRUE(slots.verify(release));
  EXPECT_EQ(other(), "1.2.0");
  EXPECT_EQ(*slots.length(kModel, Slot::other), bytes.size());
  EXPECT_EQ(*slots.read_part(kModel, Slot::other, 1000, 100), to_bytes("1.2.0"));
  EXPECT_EQ(slots.length(*ModelName::parse("kws"), Slot::running).error().code, Code::not_found);
}

TEST_F(ModelSlotsTest, ATrialEndsByItselfAfterTooManyStarts) {
  install("1.0.0");
  auto const bytes = plain("1.1.0");
  auto const release = image("1.1.0", bytes);
  auto slots = open();
  ASSERT_TRUE(slots.write(release, bytes));
  ASSERT_TRUE(slots.verify(release));
  ASSERT_TRUE(slots.activate(release));
  for (int start = 1; start < ModelSlots::kTrialStarts; ++start)
    EXPECT_EQ(*open().begin(kModel), Standing::trial);
  EXPECT_EQ(*open().begin(kModel), Standing::reverted);
  EXPECT_EQ(running(), "1.0.0");
  EXPECT_EQ(other(), "");
  EXPECT_EQ(*open().begin(kModel), Standing::settled);
}

TEST_F(ModelSlotsTest, EveryStepMayBeRepeated) {
  install("1.0.0");
  auto const bytes = plain("1.1.0");
  auto const release = image("1.1.0", bytes);
  auto slots = open();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(slots.write(release, bytes));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(slots.verify(release));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(slots.activate(release));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(slots.restore(release));
  EXPECT_EQ(running(), "1.0.0");
  EXPECT_EQ(other(), "");
  install("1.1.0");
  EXPECT_TRUE(open().confirm(release));
}

TEST_F(ModelSlotsTest, ATrialIsNotWrittenOver) {
  install("1.0.0");
  auto const bytes = plain("1.1.0");
  auto slots = open();
  ASSERT_TRUE(slots.write(image("1.1.0", bytes), bytes));
  ASSERT_TRUE(slots.verify(image("1.1.0", bytes)));
  ASSERT_TRUE(slots.activate(image("1.1.0", bytes)));
  auto const next = plain("1.2.0");
  EXPECT_EQ(slots.write(image("1.2.0", next), next).error().code, Code::conflict);
  EXPECT_EQ(slots.activate(image("1.2.0", next)).error().code, Code::conflict);
  EXPECT_EQ(slots.confirm(image("1.2.0", next)).error().code, Code::conflict);
}

TEST_F(ModelSlotsTest, TheFloorRisesWithConfirmationAndNeverFalls) {
  install("1.0.0", 3);
  EXPECT_EQ(open().floor(kModel), 3u);
  auto const bytes = plain("1.1.0");
  auto const release = image("1.1.0", bytes, 9);
  auto slots = open();
  ASSERT_TRUE(slots.write(release, bytes));
  ASSERT_TRUE(slots.verify(release));
  ASSERT_TRUE(slots.activate(release));
  EXPECT_EQ(slots.floor(kModel), 3u);
  ASSERT_TRUE(slots.confirm(release));
  EXPECT_EQ(open().floor(kModel), 9u);
  install("1.2.0", 4);
  EXPECT_EQ(open().floor(kModel), 9u);
}

TEST_F(ModelSlotsTest, TheFirstInstallIsTakenBackToNothing) {
  auto const bytes = plain("1.0.0");
  auto const release = image("1.0.0", bytes);
  auto slots = open();
  ASSERT_TRUE(slots.write(release, bytes));
  ASSERT_TRUE(slots.verify(release));
  ASSERT_TRUE(slots.activate(release));
  EXPECT_EQ(running(), "1.0.0");
  ASSERT_TRUE(slots.restore(release));
  EXPECT_EQ(running(), "");
  EXPECT_EQ(other(), "");
}

TEST_F(ModelSlotsTest, TwoDamagedSlotsRunNothing) {
  install("1.0.0");
  install("1.1.0");
  files.damage("slot.ic.a", 0);
  files.damage("slot.ic.b", 0);
  EXPECT_EQ(open().back_up(kModel).error().code, Code::corrupt);
  EXPECT_EQ(*open().begin(kModel), Standing::settled);
  EXPECT_EQ(running(), "");
  install("1.2.0");
  EXPECT_EQ(running(), "1.2.0");
}

TEST_F(ModelSlotsTest, ADamagedRecordIsPutAsideAndReleasesComeAgain) {
  install("1.0.0");
  install("1.1.0");
  files.damage("slots", 0);
  {
    auto const slots = open();
    ASSERT_TRUE(slots.refused());
    EXPECT_TRUE(slots.components().empty()) << "which slot is good is not guessed";
    EXPECT_TRUE(files.size("slots.refused"));
  }
  EXPECT_FALSE(open().refused()) << "told once";
  EXPECT_EQ(running(), "");
  install("1.2.0");
  EXPECT_EQ(running(), "1.2.0");
}

TEST_F(ModelSlotsTest, NobodyElseSwitchesSlotsOrLowersTheFloor) {
  install("1.0.0");
  install("1.1.0", 7);
  auto const record = std::string(as_text(*get_record(files, "slots")));
  for (auto const& [from, to] : {std::pair{R"("active":1)", R"("active":0)"},
                                 {R"("floor":7)", R"("floor":0)"},
                                 {R"("version":"1.1.0")", R"("version":"9.1.0")"}}) {
    auto forged = record;
    ASSERT_NE(forged.find(from), std::string::npos) << forged;
    forged.replace(forged.find(from), std::string_view(from).size(), to);
    ASSERT_TRUE(put_record(files, "slots", as_bytes(forged)));
    EXPECT_TRUE(open().refused()) << to;
    EXPECT_EQ(running(), "") << to;
  }
  ASSERT_TRUE(put_record(files, "slots", as_bytes(record)));
  EXPECT_EQ(running(), "1.1.0") << "what this device wrote is good";
}

TEST_F(ModelSlotsTest, TheRecordOfAnAgentWithoutSealsIsTakenOverOnce) {
  install("1.0.0");
  auto const unsealed = text();
  ASSERT_TRUE(put_record(files, "slots", as_bytes(unsealed)));
  EXPECT_EQ(running(), "1.0.0");
  EXPECT_TRUE(get_sealed_record(files, keys, "slots")->sealed);
  ASSERT_TRUE(keys.begin_sealing_records());
  EXPECT_EQ(running(), "1.0.0");
  ASSERT_TRUE(put_record(files, "slots", as_bytes(unsealed)));
  EXPECT_TRUE(open().refused());
  EXPECT_EQ(running(), "");
}

TEST_F(ModelSlotsTest, ARecordThatThisDeviceSealedAndThisAgentCannotReadIsAnError) {
  ASSERT_TRUE(put_sealed_record(files, keys, "slots", R"({"v":2,"components":{}})"));
  EXPECT_FALSE(try_open()) << "a newer agent can";
}

// To take such a trial back would leave a record that no start can read.
TEST_F(ModelSlotsTest, ATrialThatCannotBeTakenBackIsAnErrorFromTheStart) {
  std::string const content =
      R"({"version":"1.0.0","counter":1,"length":0,"sha256":")" + proto::sha256({}).hex() + "\"}";
  for (auto const* before : {"0", "1"}) {
    auto const record = R"({"v":1,"components":{"ic":{"active":0,"floor":0,"a":)" + content +
                        R"(,"trial":{"starts_left":1,"before":)" + before + "}}}}";
    ASSERT_TRUE(put_sealed_record(files, keys, "slots", record));
    EXPECT_FALSE(try_open()) << before;
  }
}

}  // namespace
}  // namespace godwit::agent
