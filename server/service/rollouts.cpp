#include "server/service/rollouts.h"

#include <algorithm>

#include "server/domain/fiql.h"
#include "server/domain/rollout.h"
#include "server/service/core.h"
#include "server/service/steering.h"
#include "server/storage/attempts.h"
#include "server/storage/devices.h"
#include "server/storage/rollouts.h"

namespace godwit::server {
namespace {

constexpr uint32_t kTimeoutMax_s = 7 * 86400;

/// The rollout as it would be stored, without devices yet.
auto checked(NewRollout const& request) -> Result<Rollout> {
  if (request.name.empty() || request.name.size() > 128)
    return invalid("'name' has 1 to 128 bytes");
  auto const& abort = request.abort;
  if (!(abort.threshold_percent > 0 && abort.threshold_percent <= 100))
    return invalid("'threshold_percent' is above 0 and at most 100");
  if (abort.min_executed == 0) return invalid("'min_executed' is at least 1");
  if (abort.failure_types.empty()) return invalid("'failure_types' names at least one");
  if (request.in_progress_timeout_s == 0 || request.in_progress_timeout_s > kTimeoutMax_s)
    return invalid("'in_progress_timeout_s' is between 1 s and 7 days");
  if (request.retries > 10) return invalid("'retries' is at most 10");
  Rollout rollout;
  rollout.name = request.name;
  rollout.model = request.model.str();
  rollout.version = request.version.str();
  rollout.filter = request.filter;
  rollout.abort = abort;
  rollout.in_progress_timeout_s = request.in_progress_timeout_s;
  rollout.retries = request.retries;
  rollout.on_failure = request.on_failure;
  for (auto const& spec : request.phases) {
    Phase phase;
    phase.percent = spec.percent;
    phase.success_percent = spec.success_percent.value_or(100 - abort.threshold_percent);
    phase.soak_s = spec.soak_s;
    rollout.phases.push_back(phase);
  }
  TRY_VOID(check_phases(rollout.phases));
  return rollout;
}

/// The filter of the request, its text kept with the rollout: what a saved one says later does not
/// change which devices were meant.
auto chosen_filter(Tx& tx, NewRollout const& request, Rollout& rollout) -> Result<FilterNode> {
  if (!request.saved_filter.empty()) {
    if (!request.filter.empty()) return invalid("give 'filter' or 'saved_filter', not both");
    auto const saved = store::find_filter(tx, request.saved_filter);
    if (!saved) return not_found("no filter is saved as '" + request.saved_filter + "'");
    rollout.filter = saved->query;
  }
  return parse_filter(rollout.filter);
}

struct Planned {
  Rollout rollout;                   // with the sizes of its phases
  std::vector<std::string> devices;  // in the order of the phases
  std::vector<int64_t> phases;       // of each device, 1-based
  std::vector<RolloutPlan::Excluded> excluded;
};

auto plan(Tx& tx, Rollout rollout, FilterNode const& filter) -> Result<Planned> {
  TRY(auto const release, require_release(tx, rollout.model, rollout.version));
  if (release.yanked) return conflict("the release is yanked: " + *release.yanked);
  Planned planned;
  for (auto const& candidate : store::candidates(tx, filter, rollout.model)) {
    if (auto reason = excluded_because(release, candidate))
      planned.excluded.push_back({candidate.id, *std::move(reason)});
    else
      planned.devices.push_back(candidate.id);
  }
  order_for_phases(release, planned.devices);
  std::vector<double> percents;
  for (auto const& phase : rollout.phases) percents.push_back(phase.percent);
  auto const sizes = phase_sizes(percents, planned.devices.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    rollout.phases[i].devices = sizes[i];
    rollout.devices += sizes[i];
    planned.phases.insert(planned.phases.end(), sizes[i], static_cast<int64_t>(i) + 1);
  }
  planned.devices.resize(planned.phases.size());  // the last phase may end below 100 %
  planned.rollout = std::move(rollout);
  return planned;
}

auto create_in(Core& core, Tx& tx, Rollout const& wanted, FilterNode const& filter, bool start)
    -> Result<int64_t> {
  store::lock_planning(tx);
  // Planned twice: what the first plan chose is locked, and the second sees it as it stays.
  TRY(auto const first, plan(tx, wanted, filter));
  store::lock_states(tx, first.devices);
  TRY(auto const planned, plan(tx, wanted, filter));
  if (planned.devices.empty())
    return invalid("no device is left for this rollout" +
                   (planned.excluded.empty()
                        ? std::string()
                        : ": " + planned.excluded[0].device + " " + planned.excluded[0].reason));
  auto const now = core.now_ms();
  auto const id = store::insert_rollout(tx, planned.rollout, now);
  store::insert_attempts(tx, id, wanted.model, wanted.version, wanted.retries, planned.devices,
                         planned.phases, now);
  if (start) {
    auto const rollout = store::find_rollout(tx, id);
    start_rollout(core, tx, *rollout);
  }
  return id;
}

auto not_there(int64_t id) -> Error {
  return not_found("no rollout " + std::to_string(id));
}

/// Under the row lock: the rollout, if it is in one of these states and of that revision.
auto require_rollout(Tx& tx, int64_t id, std::optional<int64_t> if_rev,
                     std::initializer_list<RolloutState> states) -> Result<Rollout> {
  auto rollout = store::lock_rollout(tx, id, /*skip_locked=*/false);
  if (!rollout) return not_there(id);
  if (if_rev && *if_rev != rollout->rev) return conflict("the rollout was changed meanwhile");
  if (std::find(states.begin(), states.end(), rollout->state) == states.end())
    return conflict("the rollout is " + std::string(proto::to_string(rollout->state)));
  return *std::move(rollout);
}

auto change(Core& core, int64_t id, std::optional<int64_t> if_rev,
            std::initializer_list<RolloutState> from, RolloutState to, std::string_view status)
    -> Result<Rollout> {
  return core.database->transact([&](Tx& tx) -> Result<Rollout> {
    TRY(auto const rollout, require_rollout(tx, id, if_rev, from));
    store::set_rollout(tx, id, to, status, rollout.phase, core.now_ms());
    return *store::find_rollout(tx, id);
  });
}

}  // namespace

auto Rollouts::dry_run(NewRollout const& request) -> Result<RolloutPlan> {
  TRY(auto const checked_request, checked(request));
  TRY(auto const planned, core_.database->transact([&](Tx& tx) -> Result<Planned> {
    auto wanted = checked_request;
    TRY(auto const filter, chosen_filter(tx, request, wanted));
    return plan(tx, wanted, filter);
  }));
  RolloutPlan result{planned.rollout.devices, {}, planned.excluded};
  for (auto const& phase : planned.rollout.phases)
    result.phases.push_back({phase.percent, phase.devices});
  return result;
}

auto Rollouts::create(NewRollout const& request) -> Result<Rollout> {
  TRY(auto const checked_request, checked(request));
  TRY(auto const id, core_.database->transact([&](Tx& tx) -> Result<int64_t> {
    auto wanted = checked_request;
    TRY(auto const filter, chosen_filter(tx, request, wanted));
    return create_in(core_, tx, wanted, filter, request.start);
  }));
  return get(id);
}

auto Rollouts::get(int64_t id) -> Result<Rollout> {
  return core_.database->transact([&](Tx& tx) -> Result<Rollout> {
    auto rollout = store::find_rollout(tx, id);
    if (!rollout) return not_there(id);
    return *std::move(rollout);
  });
}

auto Rollouts::list(PageRequest const& page) -> Result<Page<Rollout>> {
  return core_.database->transact([&](Tx& tx) { return store::list_rollouts(tx, page); });
}

auto Rollouts::attempts(int64_t id, PageRequest const& page) -> Result<Page<Attempt>> {
  return core_.database->transact([&](Tx& tx) -> Result<Page<Attempt>> {
    if (!store::find_rollout(tx, id)) return not_there(id);
    return store::attempts_of_rollout(tx, id, page);
  });
}

auto Rollouts::start(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout> {
  return core_.database->transact([&](Tx& tx) -> Result<Rollout> {
    TRY(auto const rollout, require_rollout(tx, id, if_rev, {RolloutState::draft}));
    start_rollout(core_, tx, rollout);
    return *store::find_rollout(tx, id);
  });
}

auto Rollouts::pause(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout> {
  return change(core_, id, if_rev, {RolloutState::running}, RolloutState::paused,
                "paused by an operator");
}

auto Rollouts::resume(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout> {
  return change(core_, id, if_rev, {RolloutState::paused}, RolloutState::running,
                "resumed by an operator");
}

auto Rollouts::abort(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout> {
  TRY_VOID(change(core_, id, if_rev,
                  {RolloutState::draft, RolloutState::running, RolloutState::paused,
                   RolloutState::rolling_back},
                  RolloutState::cancelled, "aborted by an operator"));
  TRY_VOID(advance_rollout(core_, id, WhenHeld::wait));
  return get(id);
}

}  // namespace godwit::server
