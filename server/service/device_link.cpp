#include "server/service/device_link.h"

#include <algorithm>

#include "proto/base/limits.h"
#include "proto/wire/codes.h"
#include "server/service/core.h"
#include "server/service/hints.h"
#include "server/storage/attempts.h"
#include "server/storage/devices.h"

namespace godwit::server {
namespace {

using store::LockedState;

struct Stamp {
  uint64_t epoch;
  uint64_t seq;
  auto operator<=>(Stamp const&) const = default;
};

/// One message of a device whose state row is locked; the answers are sent after the commit.
class Handler {
 public:
  Handler(Core& core, Tx& tx, DeviceId const& device, LockedState& state,
          std::vector<DownMessage>& out)
      : core_(core), tx_(tx), device_(device), state_(state), out_(out), now_ms_(core.now_ms()) {}

  auto operator()(proto::Hello const& hello) -> Result<>;
  auto operator()(proto::JobReport const& report) -> Result<>;
  auto operator()(proto::Presence const& presence) -> Result<> {
    store::store_presence(tx_, device_.str(), presence, now_ms_);
    return {};
  }

 private:
  void acknowledge(proto::JobReport const& report) {
    out_.push_back({device_, proto::Ack{report.epoch, report.seq, {}, {}}});
  }
  void refuse(proto::JobReport const& report, std::string_view error, Attempt const* attempt) {
    proto::Ack ack{report.epoch, report.seq, std::string(error), {}};
    if (attempt) ack.current = proto::to_string(attempt->state);
    out_.push_back({device_, std::move(ack)});
  }
  void hint(Attempt const& attempt) {
    out_.push_back({device_, hint_of(attempt, /*jitter_ms=*/0)});
  }
  /// The reason to refuse the report, or nothing.
  auto objection(Attempt const& attempt, proto::JobReport const& report) -> std::string_view;
  auto proves_success(Attempt const& attempt, proto::JobReport const& report) -> bool;

  Core& core_;
  Tx& tx_;
  DeviceId const& device_;
  LockedState& state_;
  std::vector<DownMessage>& out_;
  int64_t now_ms_;
};

auto Handler::operator()(proto::Hello const& hello) -> Result<> {
  Stamp const stamp{hello.epoch, hello.seq};
  if (stamp > Stamp{state_.hello_epoch, state_.hello_seq}) {
    // A report that is newer than this hello has told of the components already.
    bool const newest = stamp > Stamp{state_.report_epoch, state_.report_seq};
    store::store_hello(tx_, device_.str(), hello, newest, now_ms_);
    state_.hello_epoch = hello.epoch;
    state_.hello_seq = hello.seq;
    if (newest) store::reopen_attempts(tx_, device_.str(), now_ms_);
  }
  for (auto const& attempt : store::attempts_at_device(tx_, device_.str())) hint(attempt);
  return {};
}

/// "Succeeded" is proved by the release that the device says it runs, not by the word.
auto Handler::proves_success(Attempt const& attempt, proto::JobReport const& report) -> bool {
  if (!report.component || !report.component->running) return false;
  auto const release = store::find_release(tx_, attempt.model, attempt.version);
  return release && report.component->running->version == attempt.version &&
         report.component->running->plain_sha256 == release->plain_sha256;
}

/// A wish to cancel that the device has not heard of does not make its word untrue: what is being
/// installed can be cancelled no more.
auto too_late_to_cancel(Attempt const& attempt, proto::JobReport const& report) -> bool {
  return attempt.cancel_requested && report.rev + 1 == attempt.rev &&
         report.state >= AttemptState::installing;
}

auto Handler::objection(Attempt const& attempt, proto::JobReport const& report)
    -> std::string_view {
  if (proto::ended(attempt.state)) return "terminal_state";
  if (report.rev != attempt.rev && !too_late_to_cancel(attempt, report)) return "version_mismatch";
  if (!proto::report_may_move(attempt.state, report.state)) return "invalid_transition";
  if (attempt.state == AttemptState::queued) return "invalid_transition";
  if (report.state == AttemptState::succeeded && !proves_success(attempt, report))
    return "invalid_transition";
  return "";
}

auto Handler::operator()(proto::JobReport const& report) -> Result<> {
  Stamp const stamp{report.epoch, report.seq};
  if (stamp <= Stamp{state_.report_epoch, state_.report_seq}) {
    acknowledge(report);  // committed before: the acknowledgement was lost
    return {};
  }
  auto const attempt = store::find_attempt(tx_, device_.str(), report.attempt);
  if (!attempt) {
    refuse(report, "unknown_attempt", nullptr);
    return {};
  }
  // The device repeats its last word after a restart, with a new number.
  bool const repeated = proto::ended(attempt->state) && attempt->state == report.state;
  if (auto const why = objection(*attempt, report); !why.empty() && !repeated) {
    refuse(report, why, &*attempt);
    if (why == "version_mismatch") hint(*attempt);
    return {};
  }
  if (!repeated) {
    bool const loops = report.state != attempt->state && !proto::ended(report.state) &&
                       store::transitions_of(tx_, *attempt) >= limits::kTransitionsPerAttemptMax;
    if (loops) {
      store::end_attempt(tx_, *attempt, AttemptState::failed, proto::codes::kInternal,
                         "the device changed its state too often", now_ms_);
      refuse(report, "terminal_state", &*attempt);
      return {};
    }
    if (!store::apply_report(tx_, *attempt, report, now_ms_))
      return retry("the attempt was changed meanwhile");
    if (report.component)
      store::store_component(tx_, device_.str(), attempt->model, *report.component);
  }
  store::store_report_seen(tx_, device_.str(), report.epoch, report.seq, now_ms_);
  state_.report_epoch = report.epoch;
  state_.report_seq = report.seq;
  acknowledge(report);
  return {};
}

/// All messages in one transaction: first every lock, in order of id, then the changes.
auto handle(Core& core, std::vector<UpMessage> const& messages, std::vector<DownMessage>& out)
    -> Result<> {
  return core.database->transact([&](Tx& tx) -> Result<> {
    out.clear();
    std::vector<std::string> ids;
    for (auto const& message : messages) ids.push_back(message.device.str());
    auto states = store::lock_states(tx, ids);
    for (auto const& message : messages) {
      auto const state = std::find_if(states.begin(), states.end(), [&](LockedState const& s) {
        return s.id == message.device.str();
      });
      if (state == states.end()) {
        if (messages.size() > 1) continue;
        return denied("device '" + message.device.str() + "' is not enrolled");
      }
      Handler handler(core, tx, message.device, *state, out);
      TRY_VOID(std::visit(handler, message.content));
    }
    return {};
  });
}

auto handle_one(Core& core, UpMessage message) -> Result<std::vector<DownMessage>> {
  std::vector<DownMessage> out;
  TRY_VOID(handle(core, {std::move(message)}, out));
  return out;
}

}  // namespace

auto DeviceLink::on_hello(DeviceId const& device, proto::Hello const& hello)
    -> Result<std::vector<DownMessage>> {
  return handle_one(core_, {device, hello});
}

auto DeviceLink::on_job_report(DeviceId const& device, proto::JobReport const& report)
    -> Result<std::vector<DownMessage>> {
  return handle_one(core_, {device, report});
}

auto DeviceLink::on_presence(DeviceId const& device, proto::Presence const& presence)
    -> Result<std::vector<DownMessage>> {
  return handle_one(core_, {device, presence});
}

auto DeviceLink::on_batch(std::vector<UpMessage> messages) -> std::vector<DownMessage> {
  std::vector<DownMessage> out;
  if (messages.empty() || handle(core_, messages, out)) return out;
  out.clear();
  for (auto& message : messages) {
    auto one = handle_one(core_, std::move(message));
    if (one) std::move(one->begin(), one->end(), std::back_inserter(out));
  }
  return out;
}

}  // namespace godwit::server
