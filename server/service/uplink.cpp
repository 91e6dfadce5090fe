#include "server/service/uplink.h"

#include <algorithm>

#include "proto/base/limits.h"
#include "proto/wire/codes.h"
#include "server/service/hints.h"
#include "server/storage/releases.h"

namespace godwit::server {
namespace {

/// More than any attempt downloads; a device that lies cannot make the sums overflow.
constexpr uint64_t kBytesReceivedMax = uint64_t{1} << 40;

struct Stamp {
  uint64_t epoch;
  uint64_t seq;
  auto operator<=>(Stamp const&) const = default;
};

/// A wish to cancel that the device has not heard of does not make its word untrue: what is being
/// installed can be cancelled no more.
auto too_late_to_cancel(Attempt const& attempt, proto::JobReport const& report) -> bool {
  return attempt.cancel_requested && report.rev + 1 == attempt.rev &&
         report.state >= AttemptState::installing;
}

void apply(store::ReportedAttempt& attempt, proto::JobReport const& report) {
  auto& a = attempt.now;
  attempt.changed = true;
  attempt.transitions += a.state != report.state;
  attempt.ext = report.errno_ext;
  a.state = report.state;
  a.percent = report.percent;
  a.code = report.code;
  a.message = report.message;
  if (!report.transport.empty()) a.transport = report.transport;
  a.bytes_received = std::max(a.bytes_received, std::min(report.bytes_received, kBytesReceivedMax));
  if (report.health) a.health = report.health;
}

}  // namespace

Uplink::Uplink(Tx& tx, std::vector<UpMessage> const& messages, int64_t now_ms)
    : tx_(tx), now_ms_(now_ms) {
  std::vector<std::string> devices, reporting;
  std::vector<int64_t> numbers;
  for (auto const& message : messages) {
    devices.push_back(message.device.str());
    if (auto const* report = std::get_if<proto::JobReport>(&message.content)) {
      reporting.push_back(message.device.str());
      numbers.push_back(report->attempt);
    }
  }
  for (auto& state : store::lock_states(tx, devices)) states_.emplace(state.id, state);
  if (reporting.empty()) return;
  for (auto& attempt : store::find_attempts(tx, reporting, numbers)) {
    Key key{attempt.now.device, attempt.now.n};
    attempts_.emplace(std::move(key), std::move(attempt));
  }
}

auto Uplink::take(UpMessage const& message) -> Result<bool> {
  auto const state = states_.find(message.device.str());
  if (state == states_.end()) return false;
  TRY_VOID(std::visit([&](auto const& m) { return on(message.device, state->second, m); },
                      message.content));
  return true;
}

auto Uplink::flush() -> Result<> {
  std::vector<store::ReportedAttempt const*> changed;
  for (auto const& [key, attempt] : attempts_)
    if (attempt.changed) changed.push_back(&attempt);
  if (!changed.empty() && store::apply_reports(tx_, changed, now_ms_) != changed.size())
    return retry("an attempt was changed meanwhile");
  for (auto& [key, attempt] : attempts_) {
    attempt.changed = false;
    attempt.seen_state = attempt.now.state;
  }
  std::vector<store::LockedState const*> heard;
  for (auto const& id : heard_) heard.push_back(&states_.find(id)->second);
  if (!heard.empty()) store::store_reports_seen(tx_, heard, now_ms_);
  heard_.clear();
  return {};
}

auto Uplink::on(DeviceId const& device, store::LockedState&, proto::Presence const& presence)
    -> Result<> {
  store::store_presence(tx_, device.str(), presence, now_ms_);
  return {};
}

auto Uplink::on(DeviceId const& device, store::LockedState& state, proto::Hello const& hello)
    -> Result<> {
  TRY_VOID(flush());
  Stamp const stamp{hello.epoch, hello.seq};
  if (stamp > Stamp{state.hello_epoch, state.hello_seq}) {
    // A report that is newer than this hello has told of the components already.
    bool const newest = stamp > Stamp{state.report_epoch, state.report_seq};
    store::store_hello(tx_, device.str(), hello, newest, now_ms_);
    state.hello_epoch = hello.epoch;
    state.hello_seq = hello.seq;
    if (newest) store::reopen_attempts(tx_, device.str(), now_ms_);
  }
  for (auto const& attempt : store::attempts_at_device(tx_, device.str()))
    answers_.push_back({device, hint_of(attempt, /*jitter_ms=*/0)});
  return {};
}

/// "Succeeded" is proved by the release that the device says it runs, not by the word.
auto Uplink::proves_success(Attempt const& attempt, proto::JobReport const& report) -> bool {
  if (!report.component || !report.component->running) return false;
  auto const release = store::find_release(tx_, attempt.model, attempt.version);
  return release && report.component->running->version == attempt.version &&
         report.component->running->plain_sha256 == release->plain_sha256;
}

auto Uplink::objection(Attempt const& attempt, proto::JobReport const& report) -> std::string_view {
  if (proto::ended(attempt.state)) return "terminal_state";
  if (report.rev != attempt.rev && !too_late_to_cancel(attempt, report)) return "version_mismatch";
  if (attempt.state == AttemptState::queued) return "invalid_transition";
  if (!proto::report_may_move(attempt.state, report.state)) return "invalid_transition";
  if (report.state == AttemptState::succeeded && !proves_success(attempt, report))
    return "invalid_transition";
  return "";
}

auto Uplink::stop_looping(store::ReportedAttempt& attempt) -> Result<> {
  TRY_VOID(flush());
  store::end_attempt(tx_, attempt.now, AttemptState::failed, proto::codes::kInternal,
                     "the device changed its state too often", now_ms_);
  attempt.now.state = attempt.seen_state = AttemptState::failed;
  return {};
}

auto Uplink::on(DeviceId const& device, store::LockedState& state, proto::JobReport const& report)
    -> Result<> {
  Stamp const stamp{report.epoch, report.seq};
  if (stamp <= Stamp{state.report_epoch, state.report_seq}) {
    acknowledge(device, report);  // committed before: the acknowledgement was lost
    return {};
  }
  auto const found = attempts_.find({device.str(), report.attempt});
  if (found == attempts_.end()) {
    refuse(device, report, "unknown_attempt", nullptr);
    return {};
  }
  auto& attempt = found->second;
  // The device repeats its last word after a restart, with a new number.
  bool const repeated = proto::ended(attempt.now.state) && attempt.now.state == report.state;
  if (auto const why = objection(attempt.now, report); !why.empty() && !repeated) {
    refuse(device, report, why, &attempt.now);
    if (why == "version_mismatch") answers_.push_back({device, hint_of(attempt.now, 0)});
    return {};
  }
  if (!repeated) {
    if (report.state != attempt.now.state && !proto::ended(report.state) &&
        attempt.transitions >= limits::kTransitionsPerAttemptMax) {
      TRY_VOID(stop_looping(attempt));
      refuse(device, report, "terminal_state", &attempt.now);
      return {};
    }
    apply(attempt, report);
    if (report.component)
      store::store_component(tx_, device.str(), attempt.now.model, *report.component);
  }
  heard_.insert(device.str());
  state.report_epoch = report.epoch;
  state.report_seq = report.seq;
  acknowledge(device, report);
  return {};
}

void Uplink::acknowledge(DeviceId const& device, proto::JobReport const& report) {
  answers_.push_back({device, proto::Ack{report.epoch, report.seq, {}, {}}});
}

void Uplink::refuse(DeviceId const& device, proto::JobReport const& report, std::string_view error,
                    Attempt const* attempt) {
  proto::Ack ack{report.epoch, report.seq, std::string(error), {}};
  if (attempt) ack.current = proto::to_string(attempt->state);
  answers_.push_back({device, std::move(ack)});
}

}  // namespace godwit::server
