#include "tests/powercut/sim/sim_device.h"

#include <algorithm>

#include "agent/core/records.h"
#include "agent/core/sealed_record.h"
#include "agent/install/bring_into_form.h"
#include "proto/trust/digest.h"

namespace godwit::agent::sim {
namespace {

constexpr int kStepsMax = 2000;

auto device_id() -> DeviceId {
  auto id = DeviceId::parse("cam-1");
  CHECK(id);
  return *std::move(id);
}

auto check_model(ByteView model) -> Result<> {
  if (!behaviour_of(model).runs) return corrupt("the engine refuses the model");
  return {};
}

}  // namespace

World::World() : server(device_id(), device_key.public_bytes()) {}

SimDevice::SimDevice(World& world)
    : world_(world), keys_(world), models_(world.files, keys_, memory_, world.form) {}

auto SimDevice::start() -> Result<> {
  TRY(auto slots, ModelSlots::open(world_.files, keys_, models_, check_model));
  slots_ = std::move(slots);
  bring_into_form(models_, *slots_);
  Config config{.device = device_id(),
                .agent_version = "0.1.0",
                .facts = {"cam-v2", "x86_64", 1, 8u << 20, 4u << 20},
                .image_root = world_.server.image_root(),
                .director_root = world_.server.director_root(),
                .trial_ms_max = 60'000,
                .bsdiff_block_bytes = kSimBlockBytes};
  updater_.emplace(std::move(config),
                   Ports{memory_, world_.files, models_, world_.server, world_.server, world_.clock,
                         keys_, *this, *this, *slots_});
  TRY_VOID(updater_->start());
  updater_->on_connected();
  return {};
}

void SimDevice::step() {
  while (!world_.server.to_device.empty()) {
    auto const message = world_.server.to_device.front();
    world_.server.to_device.pop_front();
    updater_->on_message(message.what, message.payload);
  }
  world_.clock.pass(std::clamp<int64_t>(updater_->step(), 1, 10'000));
}

auto SimKeys::unwrap(proto::WrappedKey const& wrapped, Sha256 const& artifact)
    -> Result<proto::ContentKey> {
  return world_.device_key.unwrap(wrapped, device_id().str(), artifact);
}

auto SimKeys::lock(proto::ContentKey const& key) -> Result<Bytes> {
  return proto::seal(world_.storage_key, {}, key.bytes());
}

auto SimKeys::unlock(ByteView locked) -> Result<proto::ContentKey> {
  TRY(auto const raw, proto::unseal(world_.storage_key, {}, locked));
  return proto::ContentKey::from_bytes(raw);
}

auto SimKeys::begin_sealing_records() -> Result<> {
  if (!world_.files.powered()) return internal("no power");
  world_.seals_records = true;
  return {};
}

auto SimDevice::run(ByteView model) -> Result<> {
  if (behaviour_of(model).child_dies) return internal("the child died");
  if (!behaviour_of(model).golden_good) return corrupt("golden outputs differ");
  return {};
}

/// What it keeps of a model is the hash of it, and the model backwards. A file that is there is of
/// some model, and whole: torn ones never come under its name.
auto SimDevice::load(ModelName const&, Release release) -> Result<> {
  running_.assign(release.model.view().begin(), release.model.view().end());
  CHECK(proto::sha256(running_) == release.sha256);
  running_sha256_ = release.sha256;
  packed_.assign(running_.rbegin(), running_.rend());
  auto const kept = release.kept.view();
  auto const& wanted = release.sha256.bytes;
  if (!kept.empty()) CHECK(kept.size() > wanted.size());
  kept_ = !kept.empty() && std::equal(wanted.begin(), wanted.end(), kept.begin());
  if (!kept_) ++world_.packed;
  if (kept_) CHECK(std::ranges::equal(kept.subspan(wanted.size()), packed_));
  health_ = {};
  health_.labelled = health_.correct = 0;
  health_.outputs.assign(10, 0);
  return {};
}

auto SimDevice::keep(ModelName const&) const -> std::optional<Kept> {
  if (kept_) return std::nullopt;
  return Kept{{running_sha256_.bytes.begin(), running_sha256_.bytes.end()}, packed_};
}

void SimDevice::unload(ModelName const&) {
  running_.clear();
}

auto SimDevice::run(ModelName const&, uint32_t count_max) -> Result<uint32_t> {
  auto const behaviour = behaviour_of(running_);
  if (behaviour.crashes) {
    world_.files.power_off(Loss::all);
    return internal("the device went down");
  }
  if (behaviour.starves) return 0u;
  for (uint32_t i = 0; i < count_max; ++i) {
    auto const row = health_.inferences++;
    ++world_.inferences_run;
    ++*health_.labelled;
    if (row % 100 < static_cast<uint64_t>(behaviour.percent_correct)) ++*health_.correct;
    ++health_.outputs[behaviour.one_class ? 0 : row % 10];
    health_.latency_us.add(behaviour.latency_us);
  }
  return count_max;
}

auto SimDevice::health(ModelName const&) const -> proto::Health {
  return health_;
}

void take_seals_off(World& world) {
  SimKeys keys(world);
  for (auto const* name : {"slots", "journal"}) {
    auto const record = get_sealed_record(world.files, keys, name);
    CHECK(record && put_record(world.files, name, as_bytes(record->text)));
  }
  world.seals_records = false;
}

auto run_to_end(World& world) -> Outcome {
  SimDevice device(world);
  if (auto started = device.start(); !started)
    return world.files.powered() ? Outcome::start_failed : Outcome::power_lost;
  for (int i = 0; i < kStepsMax; ++i) {
    device.step();
    if (!world.files.powered()) return Outcome::power_lost;
    if (proto::ended(world.server.attempt().state) && device.updater().status().acknowledged)
      return Outcome::settled;
  }
  return Outcome::stuck;
}

SlotsOf::SlotsOf(World& world) : keys_(world), models_(world.files, keys_, memory_, world.form) {
  auto slots = ModelSlots::open(world.files, keys_, models_, check_model);
  CHECK(slots);
  slots_ = *std::move(slots);
}

}  // namespace godwit::agent::sim
