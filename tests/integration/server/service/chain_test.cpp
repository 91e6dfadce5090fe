// Chains: a device two releases behind gets one delta, two, or the full release, whichever has the
// fewest bytes; and what it gets makes the release.
#include "server/storage/deltas.h"
#include "tests/integration/server/service/delta_world.h"

namespace godwit::test {
namespace {

class ChainTest : public DeltaTest {
 protected:
  auto device(std::string const& id, uint32_t steps = 4) -> SimDevice& {
    auto& made = fleet_.emplace_back(std::make_unique<SimDevice>(world, id));
    made->facts.patch_version = proto::kContainerVersion;
    made->facts.patch_ram_bytes = 16 << 20;
    made->facts.patch_steps = steps;
    made->runs(name(0));
    made->hello();
    return *made;
  }
  void want(int from, int to) {
    ASSERT_TRUE(world.database->transact([&](Tx& tx) -> Result<> {
      store::want_delta(tx, "ic", name(from), name(to), world.clock.now_ms());
      return {};
    }));
  }
  /// The direct delta takes no part.
  void reject(int from, int to) {
    ASSERT_TRUE(world.database->transact([&](Tx& tx) -> Result<> {
      tx.run(
          "UPDATE delta SET state = 'rejected', reason = 'test', lease_until = NULL"
          " WHERE from_version = $1 AND to_version = $2",
          {name(from), name(to)});
      return {};
    }));
  }

 private:
  std::vector<std::unique_ptr<SimDevice>> fleet_;
};

TEST_F(ChainTest, TwoStepsAreOfferedWhenTheyAreTheFewestBytes) {
  for (int number : {0, 1, 2}) publish(number);
  auto& able = device("a-able");
  auto& old_agent = device("b-old", /*steps=*/1);
  want(0, 1);
  want(1, 2);
  want(0, 2);
  world.make_deltas();
  roll_out(2);
  auto const direct = assigned(able);
  ASSERT_TRUE(direct.delta) << "one delta is less than two here";
  EXPECT_TRUE(direct.chain.empty());

  reject(0, 2);
  auto const assignment = assigned(able);
  EXPECT_FALSE(assignment.delta);
  ASSERT_EQ(assignment.chain.size(), 2u);
  EXPECT_EQ(apply(able, assignment.chain, release_bytes(0)), release_bytes(2));
  EXPECT_EQ(offered(old_agent), "") << "it never said that it applies two";
}

TEST_F(ChainTest, StepsThatTogetherAreHardlyLessThanTheReleaseAreNotOffered) {
  // 1.1.0 shares nothing with what was before, nor 1.2.0 with it beyond half.
  auto mixed = noise(40'000, 7);
  auto const other = noise(40'000, 9);
  std::copy_n(other.begin(), 22'000, mixed.begin());
  publish(0);
  world.publish(name(1), [&] {
    auto bytes = release_bytes(0);
    std::copy_n(other.begin(), 22'000, bytes.begin());
    return bytes;
  }());
  world.publish(name(2), mixed);
  auto& able = device("a-able");
  want(0, 1);
  want(1, 2);
  world.make_deltas();
  roll_out(2);
  reject(0, 2);
  EXPECT_EQ(delta(0, 1, "godwit")->state, DeltaState::ready);
  EXPECT_EQ(delta(1, 2, "godwit")->state, DeltaState::ready);
  EXPECT_EQ(offered(able), "");
}

class HistoryTest : public ChainTest {
 protected:
  /// Of the delta of that pair that such a device can be given, or nothing.
  auto least(int from, int to) -> std::optional<uint64_t> {
    auto const one = delta(from, to, "godwit");
    return one && one->state == DeltaState::ready ? one->size_bytes : std::nullopt;
  }
  /// ic-1 and ic-2 as they were released, and then this.
  void release(Bytes const& third) {
    history = {model_file("ic-1.tflite"), model_file("ic-2.tflite"), third};
    for (int number : {0, 1, 2})
      world.publish(name(number), history[static_cast<size_t>(number)],
                    {.parent = {}, .requires_ = {}, .encoding = "zstd"});
    able = &device("a-able");
    want(0, 1);
    want(1, 2);
    world.make_deltas();
    roll_out(2);
    full = world.service().releases().get(ic(), version(name(2)))->size_bytes;
  }
  std::vector<Bytes> history;
  SimDevice* able = nullptr;
  uint64_t full = 0;
};

TEST_F(HistoryTest, ADeviceTwoReleasesBehindGetsTheFewestBytes) {
  // A gentle change of ic-2: one weight in a hundred by one step.
  auto third = model_file("ic-2.tflite");
  for (size_t at = 20'000; at < 60'000; at += 100) ++third[at];
  release(third);
  auto const direct = least(0, 2);
  auto const first = least(0, 1);
  auto const second = least(1, 2);
  ASSERT_TRUE(direct && first && second);
  auto const assignment = assigned(*able);
  if (*first + *second < *direct) {
    ASSERT_EQ(assignment.chain.size(), 2u);
    EXPECT_EQ(assignment.chain[0].length + assignment.chain[1].length, *first + *second);
  } else {
    ASSERT_TRUE(assignment.delta);
    EXPECT_EQ(assignment.delta->length, *direct);
  }
  // Whichever it is, the way over the release between makes the same bytes.
  reject(0, 2);
  auto const chain = assigned(*able).chain;
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[0].length + chain[1].length, *first + *second);
  EXPECT_LT((*first + *second) * 10, full * 9);
  EXPECT_EQ(apply(*able, chain, history[0]), third);
}

TEST_F(HistoryTest, ALargerNetworkComesAsFullRelease) {
  release(model_file("ic-3.tflite"));
  ASSERT_TRUE(least(0, 1));
  EXPECT_FALSE(least(0, 2));
  EXPECT_FALSE(least(1, 2));
  EXPECT_EQ(offered(*able), "");
}

}  // namespace
}  // namespace godwit::test
