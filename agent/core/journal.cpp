#include "agent/core/journal.h"

#include "agent/core/records.h"
#include "proto/base/limits.h"

namespace godwit::agent {
namespace {

constexpr int kJournalVersion = 1;

auto state_of(Json const& json, std::string_view key) -> Result<proto::AttemptState> {
  TRY(auto text, json.get_string(key));
  auto const state = proto::parse_attempt_state(text);
  if (!state) return corrupt("'" + std::string(key) + "' is no state");
  return *state;
}

/// The release is kept in the encoding of the metadata that it came from.
auto release_json(std::string const& path, proto::Target const& release) -> Json {
  proto::Targets targets;
  targets.targets.emplace(path, release);
  return proto::to_json(targets);
}

auto parse_attempt(Json const& json, Journal& journal) -> Result<> {
  TRY(auto report_text, json.get_string("report"));
  TRY(journal.report, proto::decode_job_report(report_text));
  TRY(journal.reached, state_of(json, "reached"));
  TRY(journal.outcome, state_of(json, "outcome"));
  TRY(auto component, json.get_string("component"));
  TRY(auto name, ModelName::parse(component));
  journal.component = name.str();
  TRY(journal.path, json.get_string_or("path", ""));
  TRY(auto before, json.get_int("bytes_before"));
  if (before < 0) return corrupt("'bytes_before' is out of range");
  journal.bytes_before = static_cast<uint64_t>(before);
  TRY(journal.delta_refused, json.get_bool("delta_refused"));
  TRY(journal.patched, json.get_bool_or("patched", false));
  TRY(auto moves, json.get_int("moves"));
  if (moves < 0 || moves > limits::kTransitionsPerAttemptMax)
    return corrupt("'moves' is out of range");
  journal.moves = static_cast<int>(moves);
  if (auto const* body = json.find("release")) {
    TRY(auto targets, proto::parse_targets(*body));
    auto const found = targets.targets.find(journal.path);
    if (found == targets.targets.end() || !found->second.release)
      return corrupt("'release' does not hold the path");
    journal.release = found->second;
  }
  return {};
}

}  // namespace

auto image_of(Journal const& journal) -> Image {
  CHECK(journal.release && journal.release->release);
  auto const& release = *journal.release->release;
  return {release.model, release.version, release.release_counter, release.plain_length,
          release.plain_sha256};
}

auto encode(Journal const& journal) -> std::string {
  auto json = Json::object({{"v", kJournalVersion}, {"phase", to_string(journal.phase)}});
  if (journal.artifact) json.set("artifact", journal.artifact->hex());
  auto finished = Json::object();
  for (auto const& [component, attempt] : journal.finished) finished.set(component, attempt);
  json.set("finished", std::move(finished));
  if (journal.report.attempt == 0) return json.dump();
  json.set("report", proto::encode(journal.report));
  json.set("reached", to_string(journal.reached));
  json.set("outcome", to_string(journal.outcome));
  json.set("component", journal.component);
  json.set("path", journal.path);
  if (journal.release) json.set("release", release_json(journal.path, *journal.release));
  json.set("bytes_before", journal.bytes_before);
  json.set("delta_refused", journal.delta_refused);
  if (journal.patched) json.set("patched", true);
  json.set("moves", journal.moves);
  return json.dump();
}

auto decode_journal(std::string_view text) -> Result<Journal> {
  TRY(auto json, Json::parse(text, {.bytes_max = kRecordBytesMax}));
  TRY(auto version, json.get_int("v"));
  if (version != kJournalVersion) return corrupt("journal version " + std::to_string(version));
  Journal journal;
  TRY(auto phase_text, json.get_string("phase"));
  auto const phase = parse_phase(phase_text);
  if (!phase) return corrupt("'phase' is no phase");
  journal.phase = *phase;
  TRY(auto artifact, json.get_string_or("artifact", ""));
  if (!artifact.empty()) {
    TRY(journal.artifact, Sha256::parse(artifact));
  }
  TRY(auto finished, json.get_object("finished"));
  for (auto const& [component, attempt] : finished.members()) {
    TRY(auto n, attempt.as_int());
    if (n <= 0 || n > kAttemptNoMax) return corrupt("'finished' is out of range");
    journal.finished.emplace(component, static_cast<AttemptNo>(n));
  }
  if (json.find("report")) TRY_VOID(parse_attempt(json, journal));
  bool const needs_release = active(journal.phase) && !cancellable(journal.phase);
  if ((active(journal.phase) && journal.report.attempt == 0) || (needs_release && !journal.release))
    return corrupt("the phase does not fit the rest");
  return journal;
}

}  // namespace godwit::agent
