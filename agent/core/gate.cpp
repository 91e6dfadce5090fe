#include "agent/core/gate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "agent/core/records.h"
#include "proto/wire/codes.h"

namespace godwit::agent {
namespace {

constexpr double kShareMin = 0.0001;
constexpr size_t kClassesMax = 1024;

auto total(std::vector<uint64_t> const& counts) -> double {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
}

auto share(std::vector<uint64_t> const& counts, size_t index, double sum) -> double {
  double const count = index < counts.size() ? static_cast<double>(counts[index]) : 0;
  return std::max(count / sum, kShareMin);
}

auto natural(Json const& json) -> Result<uint64_t> {
  TRY(auto value, json.as_int());
  if (value < 0) return corrupt("a negative count");
  return static_cast<uint64_t>(value);
}

auto natural(Json const& json, std::string_view key) -> Result<uint64_t> {
  auto const* member = json.find(key);
  if (!member) return corrupt("no '" + std::string(key) + "'");
  return natural(*member);
}

/// "accuracy fell by 7.25, the limit is 5".
auto broken(char const* what, double value, double limit) -> std::string {
  char text[160];
  std::snprintf(text, sizeof text, "%s %.6g, the limit is %.6g", what, value, limit);
  return text;
}

}  // namespace

auto baseline_of(proto::Health const& health) -> Baseline {
  return {health.labelled.value_or(0), health.correct.value_or(0), health.outputs};
}

auto encode(Baselines const& baselines) -> std::string {
  auto json = Json::object();
  for (auto const& [sha256, baseline] : baselines) {
    auto outputs = Json::array();
    for (auto const count : baseline.outputs) outputs.push_back(count);
    json.set(sha256.hex(), Json::object({{"labelled", baseline.labelled},
                                         {"correct", baseline.correct},
                                         {"outputs", std::move(outputs)}}));
  }
  return json.dump();
}

auto decode_baselines(std::string_view text) -> Result<Baselines> {
  TRY(auto json, Json::parse(text, {.bytes_max = kRecordBytesMax}));
  if (!json.is_object()) return corrupt("not an object");
  Baselines baselines;
  for (auto const& [hex, entry] : json.members()) {
    TRY(auto sha256, Sha256::parse(hex));
    Baseline baseline;
    TRY(baseline.labelled, natural(entry, "labelled"));
    TRY(baseline.correct, natural(entry, "correct"));
    TRY(auto outputs, entry.get_array("outputs"));
    if (outputs.size() > kClassesMax) return corrupt("too many classes");
    for (auto const& item : outputs.items()) {
      TRY(auto count, natural(item));
      baseline.outputs.push_back(count);
    }
    baselines.emplace(sha256, std::move(baseline));
  }
  return baselines;
}

auto population_stability(std::vector<uint64_t> const& before, std::vector<uint64_t> const& now)
    -> std::optional<double> {
  double const before_sum = total(before);
  double const now_sum = total(now);
  if (before_sum <= 0 || now_sum <= 0) return std::nullopt;
  double sum = 0;
  for (size_t i = 0; i < std::max(before.size(), now.size()); ++i) {
    double const expected = share(before, i, before_sum);
    double const actual = share(now, i, now_sum);
    sum += (actual - expected) * std::log(actual / expected);
  }
  return sum;
}

void compare(Baseline const& before, proto::Health& health) {
  health.psi = population_stability(before.outputs, health.outputs);
  health.accuracy_drop_points.reset();
  if (before.labelled == 0 || health.labelled.value_or(0) == 0) return;
  auto const percent = [](uint64_t correct, uint64_t labelled) {
    return 100.0 * static_cast<double>(correct) / static_cast<double>(labelled);
  };
  health.accuracy_drop_points = percent(before.correct, before.labelled) -
                                percent(health.correct.value_or(0), *health.labelled);
}

auto judge(proto::GatePolicy const& policy, proto::Health const& health) -> Verdict {
  namespace codes = proto::codes;
  if (policy.error_rate_max && health.inferences > 0) {
    double const rate = static_cast<double>(health.errors) / static_cast<double>(health.inferences);
    if (rate > *policy.error_rate_max)
      return {codes::kGateErrors, broken("errors per inference", rate, *policy.error_rate_max)};
  }
  if (policy.accuracy_drop_points_max && health.accuracy_drop_points &&
      *health.accuracy_drop_points > *policy.accuracy_drop_points_max)
    return {codes::kGateAccuracy, broken("accuracy drop in points", *health.accuracy_drop_points,
                                         *policy.accuracy_drop_points_max)};
  if (policy.psi_max && health.psi && *health.psi > *policy.psi_max)
    return {codes::kGatePsi, broken("output PSI", *health.psi, *policy.psi_max)};
  if (policy.latency_p99_us_max && health.latency_us.count() > 0) {
    auto const p99 = health.latency_us.quantile(0.99);
    if (p99 > *policy.latency_p99_us_max)
      return {codes::kGateLatency, broken("p99 latency in us", static_cast<double>(p99),
                                          static_cast<double>(*policy.latency_p99_us_max))};
  }
  return {};
}

}  // namespace godwit::agent
