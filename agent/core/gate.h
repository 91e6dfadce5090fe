// The health gate of a trial: figures of the new release beside those of the release before, judged
// by the policy that was signed with the new one. Arithmetic only (docs/agent.md).
#pragma once

#include <map>

#include "proto/trust/metadata.h"
#include "proto/wire/messages.h"

namespace godwit::agent {

/// What a release did in its own trial on this device, on the same inputs as every other.
struct Baseline {
  uint64_t labelled = 0;
  uint64_t correct = 0;
  std::vector<uint64_t> outputs;
};
auto baseline_of(proto::Health const& health) -> Baseline;

/// Baselines by the plaintext they belong to: of what runs and what the other slot holds.
using Baselines = std::map<Sha256, Baseline>;
auto encode(Baselines const& baselines) -> std::string;
auto decode_baselines(std::string_view text) -> Result<Baselines>;

/// Population stability index: the sum over classes of (a - e) * ln(a / e), with a and e the shares
/// of the class now and before, none below 0.0001 so that an empty class stays finite. A class that
/// only one side knows counts 0 on the other. Nothing when either side has no counts.
auto population_stability(std::vector<uint64_t> const& before, std::vector<uint64_t> const& now)
    -> std::optional<double>;

/// Fills `psi` and `accuracy_drop_points` where both sides have the figures.
void compare(Baseline const& before, proto::Health& health);

struct Verdict {
  uint32_t code = 0;  // 0: passed; else kGate... of proto/wire/codes.h
  std::string message;
};
/// The first limit that is broken, in the order errors, accuracy, outputs, latency. A limit whose
/// figure does not exist (no labels, no release before) is not judged.
auto judge(proto::GatePolicy const& policy, proto::Health const& health) -> Verdict;

}  // namespace godwit::agent
