// Power is lost at every changing operation of every road, in every way that what was not synced
// can be lost; then again during every recovery. Storage fails once at every operation. Whatever
// happens, the device ends where the road must end.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "agent/core/records.h"
#include "proto/wire/codes.h"
#include "tests/powercut/sim/roads.h"

namespace godwit::agent::sim {
namespace {

constexpr int kStartsMax = 12;

/// Of pairs of cuts one in so many is tried; GODWIT_POWERCUT_STRIDE=1 tries all.
auto stride() -> int {
  auto const* text = std::getenv("GODWIT_POWERCUT_STRIDE");
  return text ? std::max(1, std::atoi(text)) : 31;
}

/// Those that differ in what they write.
auto roads_to_cut() -> std::vector<Road> {
  auto roads = all_roads();
  std::erase_if(roads, [](Road const& road) {
    return road.name == "delta_missing" || road.name == "gate_outputs" ||
           road.name == "gate_latency" || road.name == "requirements";
  });
  return roads;
}

class Cuts : public testing::TestWithParam<Road> {
 protected:
  /// Operations of the road when nothing goes wrong.
  auto operations() const -> int {
    auto world = *GetParam().base;
    int const before = world.files.operations();
    EXPECT_EQ(run_to_end(world), Outcome::settled);
    return world.files.operations() - before;
  }

  /// Starts again after each loss of power until the attempt is over.
  void recover(World& world) {
    for (int starts = 0; starts < kStartsMax; ++starts) {
      if (!world.files.powered()) {
        world.files.power_on();
        ASSERT_EQ(unsafe(GetParam(), world), "");
      }
      auto const outcome = run_to_end(world);
      ASSERT_NE(outcome, Outcome::stuck);
      if (outcome == Outcome::settled) {
        ASSERT_EQ(end_differs(GetParam(), world), "");
        return;
      }
    }
    FAIL() << "still starting";
  }
};

/// One block and the head of its file, as they lie in storage.
constexpr uint64_t kBlockWrittenMax = 400 + kSimBlockBytes;
static_assert(kBlockWrittenMax < 2 * kSimBlockBytes);

/// What a device wrote that a cut can make it write again: what it fetches and what it makes.
struct Written {
  explicit Written(World const& world)
      : downloaded(world.files.written_to("download")),
        patched(world.files.written_to("patched")) {}
  uint64_t downloaded;
  uint64_t patched;
};

TEST_P(Cuts, AtEveryOperation) {
  int const count = operations();
  auto whole = *GetParam().base;
  ASSERT_EQ(run_to_end(whole), Outcome::settled);
  Written const wanted(whole);
  for (auto const loss : kLosses)
    for (int cut = 1; cut <= count; ++cut) {
      SCOPED_TRACE(std::string(to_string(loss)) + " at operation " + std::to_string(cut));
      auto world = *GetParam().base;
      world.files.cut_at(cut, loss);
      ASSERT_NO_FATAL_FAILURE(recover(world));
      if (!GetParam().by_blocks) continue;
      Written const written(world);
      ASSERT_LE(written.patched, wanted.patched + kBlockWrittenMax);
      ASSERT_LE(written.downloaded,
                wanted.downloaded + kRangeServedMax + proto::kSealedSegmentBytes);
    }
  std::cout << GetParam().name << ": " << count << " operations, " << count * std::ssize(kLosses)
            << " cuts\n";
}

TEST_P(Cuts, AgainInEveryRecovery) {
  int const count = operations();
  int cuts = 0;
  for (int cut = 1; cut <= count; ++cut)
    for (int again = 1 + cut % stride();; again += stride(), ++cuts) {
      // Each pair meets one way of losing; all ways come round.
      auto const loss = kLosses[(cut + again) % std::ssize(kLosses)];
      SCOPED_TRACE(std::string(to_string(loss)) + " at operation " + std::to_string(cut) +
                   " and at operation " + std::to_string(again) + " after it");
      auto world = *GetParam().base;
      world.files.cut_at(cut, loss);
      ASSERT_EQ(run_to_end(world), Outcome::power_lost);
      world.files.power_on();
      world.files.cut_at(again, loss);
      bool const cut_again = run_to_end(world) == Outcome::power_lost;
      ASSERT_NO_FATAL_FAILURE(recover(world));
      if (!cut_again) break;
    }
  std::cout << GetParam().name << ": " << cuts << " pairs of cuts\n";
}

// The agent is replaced by one that is configured otherwise, wherever the one before was.
TEST_P(Cuts, AndAnotherFormAfterIt) {
  using Form = ModelFiles::Form;
  int const count = operations();
  for (int cut = 1; cut <= count; ++cut) {
    auto const loss = kLosses[cut % std::ssize(kLosses)];
    SCOPED_TRACE(std::string(to_string(loss)) + " at operation " + std::to_string(cut));
    auto world = *GetParam().base;
    world.files.cut_at(cut, loss);
    ASSERT_EQ(run_to_end(world), Outcome::power_lost);
    world.form = world.form == Form::sealed ? Form::plain : Form::sealed;
    ASSERT_NO_FATAL_FAILURE(recover(world));
  }
}

// The agent before was one that sealed no records, wherever it was.
TEST_P(Cuts, AndAnAgentThatSealsRecordsAfterIt) {
  int const count = operations();
  for (int cut = 1; cut <= count; ++cut) {
    auto const loss = kLosses[cut % std::ssize(kLosses)];
    SCOPED_TRACE(std::string(to_string(loss)) + " at operation " + std::to_string(cut));
    auto world = *GetParam().base;
    world.files.cut_at(cut, loss);
    ASSERT_EQ(run_to_end(world), Outcome::power_lost);
    world.files.power_on();
    ASSERT_NO_FATAL_FAILURE(take_seals_off(world));
    ASSERT_NO_FATAL_FAILURE(recover(world));
    ASSERT_TRUE(world.seals_records);
  }
}

/// Makes the record say another thing, as whoever can write the flash.
void forge(World& world, std::string_view name) {
  auto record = get_record(world.files, name);
  if (!record) return;
  for (auto& byte : *record)
    if (byte == '0' || byte == '1') byte ^= 1;
  ASSERT_TRUE(put_record(world.files, name, *record));
}

// Whoever forges what decides which slot runs gets nothing to run, and the device recovers.
TEST_P(Cuts, AndAForgedRecordAfterIt) {
  int const count = operations();
  // Each cut is followed by a whole update: not all of them, unless all are asked for.
  for (auto const& [name, step] :
       {std::pair{std::string_view("slots"), stride() / 10 + 1}, {"journal", stride() / 2 + 1}})
    for (int cut = 1; cut <= count; cut += step) {
      SCOPED_TRACE(std::string(name) + " at operation " + std::to_string(cut));
      auto world = *GetParam().base;
      world.files.cut_at(cut, kLosses[cut % std::ssize(kLosses)]);
      ASSERT_EQ(run_to_end(world), Outcome::power_lost);
      world.files.power_on();
      // One without seals is believed once: that is how it is taken over.
      if (!world.seals_records) continue;
      ASSERT_NO_FATAL_FAILURE(forge(world, name));
      auto outcome = Outcome::power_lost;
      for (int starts = 0; starts < kStartsMax && outcome == Outcome::power_lost; ++starts) {
        world.files.power_on();
        outcome = run_to_end(world);
      }
      // An attempt that the device forgot is the server's to time out.
      ASSERT_TRUE(outcome == Outcome::settled || name == "journal");
      world.server.publish(make_model("another", {}), {.version = "9.0.0"});
      world.server.assign("9.0.0");
      ASSERT_EQ(run_to_end(world), Outcome::settled);
      ASSERT_EQ(world.server.attempt().state, proto::AttemptState::succeeded);
      ASSERT_EQ(SlotsOf(world)->identify(the_model()).running->version, "9.0.0");
    }
}

TEST_P(Cuts, StorageFailsOnceAtEveryOperation) {
  int const count = operations();
  for (int fail = 1; fail <= count; ++fail) {
    SCOPED_TRACE("operation " + std::to_string(fail) + " fails");
    auto world = *GetParam().base;
    world.files.fail_at(fail);
    ASSERT_NO_FATAL_FAILURE(recover(world));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Cuts, testing::ValuesIn(roads_to_cut()),
                         [](auto const& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace godwit::agent::sim
