// One start of a device: the updater with model slots and a simulated runner over a folder and a
// server that outlive it. World is what outlives it; copying it is a snapshot.
#pragma once

#include "agent/core/model_files.h"
#include "agent/core/updater.h"
#include "agent/install/model_slots.h"
#include "tests/powercut/sim/sim_files.h"
#include "tests/powercut/sim/sim_server.h"

namespace godwit::agent::sim {

class SimClock : public Clock {
 public:
  auto now_ms() const -> int64_t override { return 1'800'000'000'000 + ms_; }
  auto monotonic_ms() const -> int64_t override { return ms_; }
  void pass(int64_t ms) { ms_ += ms; }

 private:
  int64_t ms_ = 0;
};

struct World {
  World();
  proto::SealingKey device_key = proto::SealingKey::generate();
  proto::ContentKey storage_key = proto::ContentKey::generate();
  ModelFiles::Form form = ModelFiles::Form::sealed;  // that this agent writes
  SimClock clock;
  SimFiles files;
  SimServer server;
  int inferences_run = 0;
  int packed = 0;              // loads that what was kept did not serve
  bool seals_records = false;  // kept beside the keys
};

/// The device's keys, which outlive every start.
class SimKeys : public KeyStore {
 public:
  explicit SimKeys(World& world) : world_(world) {}
  auto unwrap(proto::WrappedKey const& wrapped, Sha256 const& artifact)
      -> Result<proto::ContentKey> override;
  auto lock(proto::ContentKey const& key) -> Result<Bytes> override;
  auto unlock(ByteView locked) -> Result<proto::ContentKey> override;
  auto seals_records() const -> bool override { return world_.seals_records; }
  auto begin_sealing_records() -> Result<> override;

 private:
  World& world_;
};

class SimDevice : private SelfTest, private ModelRunner {
 public:
  explicit SimDevice(World& world);

  /// Power on: opens the slots, starts the updater and connects.
  auto start() -> Result<>;
  auto updater() -> Updater& { return *updater_; }
  /// Delivers what the server sent, then steps; the clock passes on by what the updater waits.
  void step();
  /// What runs, by the bytes that the runner was given; empty when nothing does.
  auto running() const -> Bytes const& { return running_; }

 private:
  auto run(ByteView model) -> Result<> override;
  auto load(ModelName const& component, Release release) -> Result<> override;
  auto keep(ModelName const& component) const -> std::optional<Kept> override;
  void unload(ModelName const& component) override;
  auto run(ModelName const& component, uint32_t count_max) -> Result<uint32_t> override;
  auto health(ModelName const& component) const -> proto::Health override;

  World& world_;
  SimKeys keys_;
  SimMemory memory_;
  ModelFiles models_;
  std::optional<ModelSlots> slots_;
  std::optional<Updater> updater_;
  Bytes running_;
  Sha256 running_sha256_;
  Bytes packed_;  // of what runs
  bool kept_ = false;
  proto::Health health_;
};

/// Takes the seals off what the agent wrote, as one left it that sealed no records.
void take_seals_off(World& world);

enum class Outcome { settled, power_lost, start_failed, stuck };
/// Starts the device and lets it run until the server's attempt has ended and the device knows
/// that.
auto run_to_end(World& world) -> Outcome;
/// The slots as they lie in the folder, opened as a start would.
class SlotsOf {
 public:
  explicit SlotsOf(World& world);
  auto operator->() const -> ModelSlots const* { return &*slots_; }

 private:
  SimKeys keys_;
  SimMemory memory_;
  ModelFiles models_;
  std::optional<ModelSlots> slots_;
};

}  // namespace godwit::agent::sim
