// The rules of rollouts, as pure functions over values: who is in, in which phase, and what comes
// next. docs/server.md describes them; storage and service only carry them out.
#pragma once

#include "proto/trust/client.h"
#include "server/domain/entities.h"

namespace godwit::server {

/// A device that matches the filter, as far as planning needs it.
struct Candidate {
  std::string id;
  proto::DeviceView view;
  std::optional<std::string> running_version;
  std::optional<Sha256> running_sha256;
  bool busy = false;  // another rollout's attempt for this component is active
};

/// Why this device is left out; nothing when it is in.
auto excluded_because(Release const& release, Candidate const& device)
    -> std::optional<std::string>;

/// Devices in the order in which phases take them: by hash of (model, version, id). It is the same
/// for a dry run and the rollout, on every server, and differs from release to release, so that no
/// device is always the canary.
void order_for_phases(Release const& release, std::vector<std::string>& devices);

/// How many devices each phase takes, for cumulative percentages: rounded up, the first phase at
/// least one.
auto phase_sizes(std::vector<double> const& percents, uint64_t devices) -> std::vector<uint64_t>;
/// `invalid` unless percentages rise strictly within (0, 100] and success is within [0, 100].
auto check_phases(std::vector<Phase> const& phases) -> Result<>;

/// What the scheduler does next with a running rollout.
struct Decision {
  enum class Kind : uint8_t {
    wait,         // nothing changes
    reached,      // the phase reached its success: note the time, the soak begins
    fell_back,    // it lost it again (an attempt was reopened): the soak starts anew later
    start_phase,  // the next one
    succeed,
    stop,  // the abort rule, or a phase that cannot succeed any more
  };
  Kind kind = Kind::wait;
  std::string status;  // one sentence with the value, the limit and n
};
auto decide(Rollout const& rollout, int64_t now_ms) -> Decision;

/// The abort rule alone: the sentence when it holds. It also holds for a paused rollout.
auto abort_reason(Rollout const& rollout) -> std::optional<std::string>;

/// Whether a delta is worth offering: its sealed size must be below 90 % of the sealed release.
/// Otherwise the reason, with both sizes.
auto delta_rejected_because(uint64_t delta_bytes, uint64_t full_bytes)
    -> std::optional<std::string>;

/// Sealed deltas of fewer bytes than this are worth offering, one or several together.
auto worthwhile_delta_bytes(uint64_t full_bytes) -> uint64_t;

/// A device whose decoder would take longer to make a release is given a delta of tables alone
/// where there is one: more bytes, and several times the speed.
constexpr uint64_t kApplySecondsMax = 10;

/// Sum of the counters of all phases.
auto sum_counts(std::vector<Phase> const& phases) -> Counts;

/// "1", "0.5", "33.3": at most one decimal.
auto percent_text(double percent) -> std::string;

}  // namespace godwit::server
