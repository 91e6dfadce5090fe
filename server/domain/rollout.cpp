#include "server/domain/rollout.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "proto/trust/digest.h"

namespace godwit::server {
namespace {

auto count_of(Counts const& counts, AttemptState state) -> uint64_t {
  return counts[static_cast<size_t>(state)];
}

auto percent_of(uint64_t part, uint64_t whole) -> double {
  return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

auto failures(AbortRule const& rule, Counts const& counts) -> uint64_t {
  uint64_t const failed =
      count_of(counts, AttemptState::failed) + count_of(counts, AttemptState::rolled_back);
  uint64_t const rejected = count_of(counts, AttemptState::rejected);
  uint64_t const timed_out = count_of(counts, AttemptState::timed_out);
  uint64_t sum = 0;
  for (auto type : rule.failure_types) {
    switch (type) {
      case FailureType::all:
        return failed + rejected + timed_out;
      case FailureType::failed:
        sum += failed;
        break;
      case FailureType::rejected:
        sum += rejected;
        break;
      case FailureType::timed_out:
        sum += timed_out;
        break;
    }
  }
  return sum;
}

auto text(uint64_t value) -> std::string {
  return std::to_string(value);
}

}  // namespace

auto percent_text(double percent) -> std::string {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", percent);
  std::string result(buffer);
  if (result.ends_with(".0")) result.resize(result.size() - 2);
  return result;
}

auto excluded_because(Release const& release, Candidate const& device)
    -> std::optional<std::string> {
  if (device.running_version == release.version) return "already runs it";
  if (device.busy) return "has an active attempt of another rollout";
  if (auto met = proto::check_requires(release.requires_, device.view); !met)
    return met.error().what;
  return std::nullopt;
}

void order_for_phases(Release const& release, std::vector<std::string>& devices) {
  std::vector<std::pair<Sha256, std::string>> keyed;
  keyed.reserve(devices.size());
  auto const seed = release.model + '\0' + release.version + '\0';
  for (auto& id : devices) {
    auto const key = proto::sha256(as_bytes(seed + id));
    keyed.emplace_back(key, std::move(id));
  }
  std::sort(keyed.begin(), keyed.end());
  for (size_t i = 0; i < devices.size(); ++i) devices[i] = std::move(keyed[i].second);
}

auto phase_sizes(std::vector<double> const& percents, uint64_t devices) -> std::vector<uint64_t> {
  std::vector<uint64_t> sizes;
  uint64_t taken = 0;
  for (double percent : percents) {
    // The small amount keeps 20 % of 5 at one device whatever the rounding of the product.
    auto const exact = percent * static_cast<double>(devices) / 100.0;
    auto end = std::min(devices, static_cast<uint64_t>(std::ceil(exact - 1e-9)));
    if (sizes.empty()) end = std::max<uint64_t>(end, std::min<uint64_t>(devices, 1));
    sizes.push_back(end > taken ? end - taken : 0);
    taken = std::max(taken, end);
  }
  return sizes;
}

auto check_phases(std::vector<Phase> const& phases) -> Result<> {
  if (phases.empty() || phases.size() > 100) return invalid("a rollout has 1 to 100 phases");
  double last = 0;
  for (auto const& phase : phases) {
    if (!(phase.percent > last && phase.percent <= 100))
      return invalid("phase percentages are cumulative: they rise, up to at most 100");
    if (!(phase.success_percent >= 0 && phase.success_percent <= 100))
      return invalid("'success_percent' is between 0 and 100");
    last = phase.percent;
  }
  return {};
}

auto sum_counts(std::vector<Phase> const& phases) -> Counts {
  Counts sum{};
  for (auto const& phase : phases)
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += phase.counts[i];
  return sum;
}

auto abort_reason(Rollout const& rollout) -> std::optional<std::string> {
  auto const counts = sum_counts(rollout.phases);
  uint64_t const bad = failures(rollout.abort, counts);
  uint64_t const executed =
      count_of(counts, AttemptState::succeeded) + count_of(counts, AttemptState::failed) +
      count_of(counts, AttemptState::rejected) + count_of(counts, AttemptState::timed_out) +
      count_of(counts, AttemptState::rolled_back);
  if (bad == 0 || executed < rollout.abort.min_executed) return std::nullopt;
  double const percent = percent_of(bad, executed);
  if (percent < rollout.abort.threshold_percent) return std::nullopt;
  return text(bad) + " of " + text(executed) + " finished attempts failed (" +
         percent_text(percent) + " %, limit " + percent_text(rollout.abort.threshold_percent) +
         " % from " + text(rollout.abort.min_executed) + " attempts on)";
}

auto decide(Rollout const& rollout, int64_t now_ms) -> Decision {
  using Kind = Decision::Kind;
  if (auto reason = abort_reason(rollout)) return {Kind::stop, std::move(*reason)};
  if (rollout.state != RolloutState::running || rollout.phase == 0) return {};

  auto const& phase = rollout.phases[rollout.phase - 1];
  bool const last = rollout.phase == rollout.phases.size();
  double const succeeded = percent_of(phase.succeeded(), phase.devices);
  auto const name = "phase " + text(rollout.phase) + ": ";
  auto const value = text(phase.succeeded()) + " of " + text(phase.devices) + " succeeded (" +
                     percent_text(succeeded) + " %, wanted " + percent_text(phase.success_percent) +
                     " %)";
  bool const ended = phase.queued() + phase.active() == 0;
  if (succeeded < phase.success_percent) {
    if (ended) return {Kind::stop, name + value};
    if (phase.reached_at_ms) return {Kind::fell_back, name + value};
    return {};
  }
  if (!phase.reached_at_ms && phase.soak_s > 0)
    return {Kind::reached, name + value + ", soaking for " + text(phase.soak_s) + " s"};
  if (phase.soak_s > 0 && now_ms < *phase.reached_at_ms + int64_t{phase.soak_s} * 1000) return {};
  if (!last)
    return {Kind::start_phase, name + value + "; phase " + text(rollout.phase + 1) + " started"};

  auto const counts = sum_counts(rollout.phases);
  for (auto const& each : rollout.phases)
    if (each.queued() + each.active() > 0) return {};  // stragglers of any phase
  return {Kind::succeed, text(count_of(counts, AttemptState::succeeded)) + " of " +
                             text(rollout.devices) + " devices run " + rollout.model + " " +
                             rollout.version};
}

auto worthwhile_delta_bytes(uint64_t full_bytes) -> uint64_t {
  return (full_bytes * 9 + 9) / 10;
}

auto delta_rejected_because(uint64_t delta_bytes, uint64_t full_bytes)
    -> std::optional<std::string> {
  if (delta_bytes < worthwhile_delta_bytes(full_bytes)) return std::nullopt;
  auto const percent = full_bytes == 0 ? 100.0 : percent_of(delta_bytes, full_bytes);
  return "the delta has " + text(delta_bytes) + " bytes, " + percent_text(percent) +
         " % of the full release's " + text(full_bytes) + ": the full release is sent";
}

}  // namespace godwit::server
