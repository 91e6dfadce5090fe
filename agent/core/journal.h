// The journal: one record that says where the attempt stands, replaced at every move, so that a
// start after a power cut continues there (docs/agent.md lists its fields).
#pragma once

#include "agent/core/phases.h"
#include "agent/core/ports.h"
#include "proto/trust/metadata.h"

namespace godwit::agent {

struct Journal {
  Phase phase = Phase::idle;
  /// What the server is told: attempt, rev, state, code, health. attempt 0: none yet.
  proto::JobReport report;
  /// The furthest state that was entered; after a restart `report.state` may be an earlier one.
  proto::AttemptState reached = proto::AttemptState::notified;
  std::string component;                 // model name; from the first offer on
  std::string path;                      // of the target
  std::optional<proto::Target> release;  // the Image target, from `checking` on
  /// Where `reverting` leads.
  proto::AttemptState outcome = proto::AttemptState::failed;
  /// Whose bytes the download file holds: it is resumed for this artifact only.
  std::optional<Sha256> artifact;
  uint64_t bytes_before = 0;   // received in this attempt before that artifact
  bool delta_refused = false;  // a delta of this attempt did not work
  /// The file `patched` held the checked release whole when `installing` began.
  bool patched = false;
  int moves = 0;  // of this attempt, so that a device that loops is stopped
  /// The last attempt of each component that came to its end here.
  std::map<std::string, AttemptNo> finished;
};

/// The release that the attempt installs; only where `release` is set.
auto image_of(Journal const& journal) -> Image;

auto encode(Journal const& journal) -> std::string;
/// `corrupt` for anything that encode does not make.
auto decode_journal(std::string_view text) -> Result<Journal>;

}  // namespace godwit::agent
