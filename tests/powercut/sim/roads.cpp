#include "tests/powercut/sim/roads.h"

#include <algorithm>

#include "proto/trust/digest.h"
#include "proto/wire/codes.h"

namespace godwit::agent::sim {
namespace {

using proto::AttemptState;
using Form = ModelFiles::Form;
namespace codes = proto::codes;

/// A device on which these releases were installed, one after another.
auto device_with(std::vector<std::pair<std::string, Bytes>> const& releases,
                 Form form = Form::sealed) -> World {
  World world;
  world.form = form;
  for (auto const& [version, plain] : releases) {
    world.server.publish(plain, {.version = version});
    world.server.assign(version);
    CHECK(run_to_end(world) == Outcome::settled);
    CHECK(world.server.attempt().state == AttemptState::succeeded);
  }
  return world;
}

auto shared(World world) -> std::shared_ptr<World const> {
  return std::make_shared<World const>(std::move(world));
}

std::vector<AttemptState> const kWholeRoad = {AttemptState::downloading, AttemptState::verifying,
                                              AttemptState::installing, AttemptState::trial};

auto states_to(AttemptState end, size_t first_count = 4) -> std::vector<AttemptState> {
  std::vector<AttemptState> states(kWholeRoad.begin(),
                                   kWholeRoad.begin() + static_cast<ptrdiff_t>(first_count));
  states.push_back(end);
  return states;
}

/// From 1.0.0 to 1.1.0, which behaves so.
auto update_to(Behaviour const& behaviour, SimServer::Delta delta = SimServer::Delta::none)
    -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}});
  world.server.publish(make_model("two", behaviour), {.version = "1.1.0"});
  world.server.assign("1.1.0", delta, {"1.0.0"});
  return shared(std::move(world));
}

/// The same, by blocks, from what another form of the agent left.
auto changed_form(Form before, Form now) -> std::shared_ptr<World const> {
  auto world =
      device_with({{"0.9.0", make_model("none", {})}, {"1.0.0", make_model("one", {})}}, before);
  world.server.publish(make_model("two", {}), {.version = "1.1.0"});
  world.server.assign("1.1.0", SimServer::Delta::blocks, {"1.0.0"});
  world.form = now;
  return shared(std::move(world));
}

/// The same, from what an agent left that sealed no records.
auto records_without_seals() -> std::shared_ptr<World const> {
  auto world = device_with({{"0.9.0", make_model("none", {})}, {"1.0.0", make_model("one", {})}});
  take_seals_off(world);
  world.server.publish(make_model("two", {}), {.version = "1.1.0"});
  world.server.assign("1.1.0", SimServer::Delta::blocks, {"1.0.0"});
  return shared(std::move(world));
}

/// From 1.0.0 over 1.0.5, which this device never ran, to 1.1.0: the step between is longer.
auto two_steps() -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}});
  world.server.publish(make_model("a longer name between", {}), {.version = "1.0.5"});
  world.server.publish(make_model("two", {}), {.version = "1.1.0"});
  world.server.assign("1.1.0", SimServer::Delta::blocks, {"1.0.0", "1.0.5"});
  return shared(std::move(world));
}

/// The base of the delta lies in the slot that the release goes to.
auto base_in_other_slot() -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}, {"1.1.0", make_model("two", {})}});
  world.server.publish(make_model("three", {}), {.version = "1.2.0"});
  world.server.assign("1.2.0", SimServer::Delta::blocks, {"1.0.0"});
  return shared(std::move(world));
}

auto first_install() -> std::shared_ptr<World const> {
  World world;
  world.server.publish(make_model("one", {}), {.version = "1.0.0"});
  world.server.assign("1.0.0");
  return shared(std::move(world));
}

/// The other slot still holds the bytes of 1.0.0; 1.2.0 is those again.
auto slot_switch() -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}, {"1.1.0", make_model("two", {})}});
  world.server.publish(make_model("one", {}), {.version = "1.2.0"});
  world.server.assign("1.2.0");
  return shared(std::move(world));
}

/// Both slots are full: the older release must make room.
auto third_release() -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}, {"1.1.0", make_model("two", {})}});
  world.server.publish(make_model("three", {}), {.version = "1.2.0"});
  world.server.assign("1.2.0");
  return shared(std::move(world));
}

/// 1.1.0 is 1.0.0 byte for byte, and runs.
auto relabel() -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}});
  world.server.publish(make_model("one", {}), {.version = "1.1.0"});
  world.server.assign("1.1.0");
  return shared(std::move(world));
}

auto refused(SimServer::ReleaseOptions const& options) -> std::shared_ptr<World const> {
  auto world = device_with({{"1.0.0", make_model("one", {})}});
  world.server.publish(make_model("two", {}), options);
  world.server.assign(options.version);
  return shared(std::move(world));
}

auto make_roads() -> std::vector<Road> {
  using enum AttemptState;
  auto const update = [](std::string name, std::shared_ptr<World const> base, AttemptState end,
                         uint32_t code, std::vector<AttemptState> states, std::string transport) {
    return Road{std::move(name),
                std::move(base),
                end,
                code,
                "1.0.0",
                "1.1.0",
                end == succeeded ? "1.1.0" : "1.0.0",
                std::move(states),
                std::move(transport)};
  };
  auto const by_blocks = [](Road road) {
    road.by_blocks = true;
    return road;
  };
  using Delta = SimServer::Delta;
  return {
      {"first_install", first_install(), succeeded, 0, "", "1.0.0", "1.0.0", states_to(succeeded),
       "full"},
      update("full", update_to({}), succeeded, 0, states_to(succeeded), "full"),
      by_blocks(
          update("delta", update_to({}, Delta::good), succeeded, 0, states_to(succeeded), "delta")),
      update("delta_damaged", update_to({}, Delta::damaged), succeeded, 0,
             {downloading, verifying, downloading, verifying, installing, trial, succeeded},
             "full"),
      update("delta_missing", update_to({}, Delta::missing), succeeded, 0, states_to(succeeded),
             "full"),
      by_blocks(update("blocks", update_to({}, Delta::blocks), succeeded, 0, states_to(succeeded),
                       "delta")),
      by_blocks(update("plain_blocks", changed_form(Form::plain, Form::plain), succeeded, 0,
                       states_to(succeeded), "delta")),
      update("sealed_now", changed_form(Form::plain, Form::sealed), succeeded, 0,
             states_to(succeeded), "delta"),
      update("opened_now", changed_form(Form::sealed, Form::plain), succeeded, 0,
             states_to(succeeded), "delta"),
      by_blocks(update("records_sealed_now", records_without_seals(), succeeded, 0,
                       states_to(succeeded), "delta")),
      update("blocks_damaged", update_to({}, Delta::blocks_damaged), succeeded, 0,
             {downloading, verifying, downloading, verifying, installing, trial, succeeded},
             "full"),
      by_blocks(update("two_steps", two_steps(), succeeded, 0, states_to(succeeded), "chain")),
      by_blocks({"base_in_other_slot", base_in_other_slot(), succeeded, 0, "1.1.0", "1.2.0",
                 "1.2.0", states_to(succeeded), "delta"}),
      {"third_release", third_release(), succeeded, 0, "1.1.0", "1.2.0", "1.2.0",
       states_to(succeeded), "full"},
      {"slot",
       slot_switch(),
       succeeded,
       0,
       "1.1.0",
       "1.2.0",
       "1.2.0",
       {installing, trial, succeeded},
       "slot"},
      update("relabel", relabel(), succeeded, 0, {installing, trial, succeeded}, "slot"),
      update("self_test_fails", update_to({.golden_good = false}), failed, codes::kSelfTest,
             states_to(failed, 3), "full"),
      update("engine_refuses", update_to({.runs = false}), failed, codes::kModelInvalid,
             states_to(failed, 2), "full"),
      update("gate_accuracy", update_to({.percent_correct = 81}), rolled_back, codes::kGateAccuracy,
             states_to(rolled_back), "full"),
      update("gate_outputs", update_to({.one_class = true}), rolled_back, codes::kGatePsi,
             states_to(rolled_back), "full"),
      update("gate_latency", update_to({.latency_us = 20'000}), rolled_back, codes::kGateLatency,
             states_to(rolled_back), "full"),
      update("requirements", refused({.version = "1.1.0", .requires_ = {{}, "aarch64"}}), rejected,
             codes::kRequirements, {rejected}, ""),
      update("downgrade", refused({.version = "1.1.0", .release_counter = 0}), rejected,
             codes::kDowngrade, {rejected}, ""),
  };
}

}  // namespace

auto all_roads() -> std::vector<Road> const& {
  static auto const roads = make_roads();
  return roads;
}

auto end_differs(Road const& road, World& world) -> std::string {
  auto const& attempt = world.server.attempt();
  if (!world.server.violations.empty()) return world.server.violations.front();
  if (attempt.state != road.end || attempt.last.code != road.code)
    return "ended " + std::string(to_string(attempt.state)) + ", code " +
           std::to_string(attempt.last.code) + ": " + attempt.last.message;
  auto const held = SlotsOf(world)->identify(the_model());
  auto const running = held.running ? held.running->version : "";
  if (running != road.running) return "runs '" + running + "'";
  auto const reported = attempt.last.component->running;
  if ((reported ? reported->version : "") != running) return "reported another running release";
  if (road.end != AttemptState::succeeded && held.other && held.other->version == road.target)
    return "the other slot still holds the bad release";
  if (road.end == AttemptState::succeeded && road.before != "" &&
      (!held.other || held.other->version != road.before))
    return "the release before is not kept";
  return unsafe(road, world);
}

auto unsafe(Road const& road, World& world) -> std::string {
  SlotsOf const slots(world);
  auto const held = slots->identify(the_model());
  if (!held.running) return road.before.empty() ? "" : "nothing runs";
  auto const& version = held.running->version;
  if (version != road.before && version != road.target) return "runs '" + version + "'";
  auto const model = slots->read(the_model(), Slot::running);
  if (!model) return model.error().what;
  if (!std::ranges::equal(model->view(), world.server.plain(version)))
    return "other bytes than those of " + version;
  if (held.other) {
    auto const other = slots->read(the_model(), Slot::other);
    if (!other) return "the other slot is not what it says: " + other.error().what;
  }
  if (slots->floor(the_model()) < (road.before.empty() ? 0u : 1u)) return "the floor fell";
  return "";
}

}  // namespace godwit::agent::sim
