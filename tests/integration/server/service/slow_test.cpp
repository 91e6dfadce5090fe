// Devices whose decoder is slow for a release get deltas of tables alone; and what making deltas
// takes of the server's memory is what it says beforehand.
#include <malloc.h>

#include <fstream>
#include <random>

#include "server/storage/deltas.h"
#include "tests/integration/server/service/delta_world.h"

namespace godwit::test {
namespace {

class SlowTest : public DeltaTest {
 protected:
  /// With a decoder that makes so many bytes a second.
  auto device(std::string const& id, uint64_t rate, uint32_t steps = 1) -> SimDevice& {
    auto& made = fleet_.emplace_back(std::make_unique<SimDevice>(world, id));
    made->facts.patch_version = proto::kContainerVersion;
    made->facts.patch_ram_bytes = 16 << 20;
    made->facts.patch_steps = steps;
    made->facts.patch_rate_bytes_per_s = rate;
    made->runs(name(0));
    made->hello();
    return *made;
  }
  void publish_history() {
    for (int number : {0, 1})
      world.publish(name(number), model_file("ic-" + std::to_string(number + 1) + ".tflite"),
                    {.parent = {}, .requires_ = {}, .encoding = "zstd"});
  }
  auto size(std::string_view format) -> uint64_t { return *delta(0, 1, format)->size_bytes; }

 private:
  std::vector<std::unique_ptr<SimDevice>> fleet_;
};

constexpr uint64_t kSlow = 1000;      // a model of 90 KB in 90 s
constexpr uint64_t kQuick = 1 << 20;  // in a tenth of one

TEST_F(SlowTest, AWeakCoreIsOfferedWhatItAppliesFast) {
  publish_history();
  auto& slow = device("a-slow", kSlow);
  auto& quick = device("b-quick", kQuick);
  auto& silent = device("c-silent", 0);
  roll_out(1);
  auto const fast = delta(0, 1, "godwit-fast");
  ASSERT_TRUE(fast);
  ASSERT_EQ(fast->state, DeltaState::ready) << fast->reason;
  EXPECT_EQ(fast->mode, "weights, fast");
  EXPECT_EQ(fast->patch_ram_bytes, proto::profile_ram_bytes(proto::Profile::weights_fast));
  EXPECT_GT(size("godwit-fast"), size("godwit")) << "else there would be nothing to choose";

  auto const offer = assigned(slow).delta;
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->format, "godwit");
  EXPECT_EQ(offer->sha256, *fast->sha256);
  auto step = *offer;
  step.plain_sha256 = world.plain_sha256(name(1));
  EXPECT_EQ(apply(slow, {step}, model_file("ic-1.tflite")), model_file("ic-2.tflite"));
  EXPECT_EQ(assigned(quick).delta->sha256, *delta(0, 1, "godwit")->sha256);
  EXPECT_EQ(assigned(silent).delta->sha256, *delta(0, 1, "godwit")->sha256);
}

TEST_F(SlowTest, UntilThatIsThereItGetsTheSmallestOfTheOthers) {
  publish_history();
  auto& slow = device("a-slow", kSlow);
  roll_out(1);
  ASSERT_TRUE(world.database->transact([](Tx& tx) -> Result<> {
    tx.run("UPDATE delta SET state = 'pending' WHERE format = 'godwit-fast'");
    return {};
  }));
  EXPECT_EQ(assigned(slow).delta->sha256, *delta(0, 1, "godwit")->sha256);
}

TEST_F(SlowTest, WhatMovedInsideTensorsIsFoundForOurContainerToo) {
  auto const before = model_file("ic-1.tflite");
  auto after = before;
  // Pieces of the largest tensor in another order.
  for (size_t at = 40'000; at + 192 <= 70'000; at += 192)
    std::swap_ranges(&after[at], &after[at + 96], &after[at + 96]);
  world.publish(name(0), before, {.parent = {}, .requires_ = {}, .encoding = "zstd"});
  world.publish(name(1), after, {.parent = {}, .requires_ = {}, .encoding = "zstd"});
  auto& able = device("a-able", kQuick);
  roll_out(1);
  auto const ours = delta(0, 1, "godwit");
  ASSERT_EQ(ours->state, DeltaState::ready) << ours->reason;
  EXPECT_EQ(ours->mode, "bytes");
  EXPECT_LT(*ours->size_bytes * 10, ours->full_size_bytes);
  auto step = *assigned(able).delta;
  EXPECT_EQ(step.format, "godwit");
  step.plain_sha256 = world.plain_sha256(name(1));
  EXPECT_EQ(apply(able, {step}, before), after);
}

TEST_F(SlowTest, WithoutSuchADeviceNoneIsMade) {
  publish_history();
  device("a-quick", kQuick);
  device("b-silent", 0);
  roll_out(1);
  EXPECT_TRUE(delta(0, 1, "godwit"));
  EXPECT_FALSE(delta(0, 1, "godwit-fast"));
}

TEST_F(SlowTest, AWeakCoreDoesNotMakeTheFileTwice) {
  for (int number : {0, 1, 2}) publish(number);
  auto& slow = device("a-slow", kSlow, /*steps=*/4);
  auto& quick = device("b-quick", kQuick, /*steps=*/4);
  ASSERT_TRUE(world.database->transact([&](Tx& tx) -> Result<> {
    store::want_delta(tx, "ic", name(0), name(1), world.clock.now_ms());
    store::want_delta(tx, "ic", name(1), name(2), world.clock.now_ms());
    return {};
  }));
  world.make_deltas();
  roll_out(2);
  ASSERT_TRUE(world.database->transact([&](Tx& tx) -> Result<> {
    tx.run(
        "UPDATE delta SET state = 'rejected', reason = 'test' WHERE from_version = $1"
        " AND to_version = $2",
        {name(0), name(2)});
    return {};
  }));
  EXPECT_EQ(offered(quick), "chain");
  EXPECT_EQ(offered(slow), "");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what is freed

/// A line of /proc/self/status, in bytes.
auto memory(std::string_view field) -> uint64_t {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stoull(line.substr(field.size() + 1)) << 10;
  return 0;
}

/// The highest that memory in use was is from now on what it is.
auto forget_peak() -> bool {
  std::ofstream file("/proc/self/clear_refs");
  file << "5";
  return static_cast<bool>(file.flush());
}

/// fp16 weights as a .safetensors file; with `step` each is moved a little.
auto half_weights(uint32_t rows, bool step) -> Bytes {
  constexpr uint32_t kCols = 1024;
  auto const bytes = rows * kCols * 2;
  auto const header = R"({"w":{"dtype":"F16","shape":[)" + std::to_string(rows) + "," +
                      std::to_string(kCols) + R"(],"data_offsets":[0,)" + std::to_string(bytes) +
                      "]}}";
  Writer file;
  file.u64(header.size());
  file.bytes(as_bytes(header));
  std::mt19937 random(7);
  std::mt19937 moves(8);
  for (uint32_t i = 0; i < rows * kCols; ++i) {
    auto const bits = random();
    auto weight = static_cast<uint16_t>((bits & 0x83ff) | (0x24 + (bits >> 16) % 8) << 8);
    if (step) weight = static_cast<uint16_t>(weight + moves() % 16);
    file.u16(weight);
  }
  return std::move(file).take();
}

TEST_F(SlowTest, MakingOneTakesTheMemoryThatItIsAccountedFor) {
  constexpr uint32_t kRows = 4096;  // 8 MiB
  world.publish(name(0), half_weights(kRows, false));
  world.publish(name(1), half_weights(kRows, true), {.parent = name(0), .requires_ = {}});
  ASSERT_TRUE(world.database->transact([](Tx& tx) -> Result<> {
    tx.run("DELETE FROM delta WHERE format <> 'godwit'");
    tx.run("UPDATE delta SET format = 'godwit-fast'");  // which searches no tensors
    return {};
  }));
  malloc_trim(0);  // what publishing left to the allocator is not what making may take
  ASSERT_TRUE(forget_peak());
  auto const before = memory("VmRSS:");
  ASSERT_TRUE(*world.service().jobs().make_one_delta());
  auto const taken = memory("VmHWM:") - before;
  auto const made = delta(0, 1, "godwit-fast");
  ASSERT_EQ(made->state, DeltaState::ready) << made->reason;
  // So much and not less would have been asked for.
  world.configure([&](Config& config) { config.delta_memory_bytes_max = taken; });
  ASSERT_TRUE(world.database->transact([](Tx& tx) -> Result<> {
    tx.run("UPDATE delta SET state = 'pending', sha256 = NULL, key_enc = NULL, key_ct = NULL");
    return {};
  }));
  world.make_deltas();
  EXPECT_EQ(delta(0, 1, "godwit-fast")->state, DeltaState::rejected)
      << "it took " << taken << " bytes, and less is accounted for";
}

#endif

}  // namespace
}  // namespace godwit::test
