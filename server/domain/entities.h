// What the server keeps and what its interfaces show, field for field (docs/server.md).
// Values read from the database: names and versions in here were parsed before they were stored.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/ids.h"
#include "proto/trust/metadata.h"
#include "proto/wire/messages.h"
#include "proto/wire/states.h"

namespace godwit::server {

using proto::AttemptState;
using proto::RolloutState;

/// A page of a list in key order; `next` is the cursor of the following page, if there is one.
template <typename T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;
};
struct PageRequest {
  size_t limit = 50;
  std::string cursor;  // empty: from the start
};

struct Model {
  std::string name;
  std::string kind;
  int64_t created_at_ms = 0;
  uint64_t deltas_failed = 0;  // that need somebody to look at them
};

struct Release {
  std::string model;
  std::string version;
  std::optional<std::string> parent;
  std::string notes;
  std::optional<std::string> channel;
  std::string kind;  // "model" or "firmware"
  std::optional<std::string> yanked;
  std::string path;  // of the Image target
  Sha256 sha256;     // of the sealed artifact
  uint64_t size_bytes = 0;
  Sha256 plain_sha256;
  uint64_t plain_size_bytes = 0;
  std::string encoding;  // of the plaintext inside the seal: "zstd" or "none"
  uint64_t release_counter = 0;
  proto::Requires requires_;
  proto::GatePolicy gate;
  proto::WrappedKey key;  // to the server's sealing key; never shown
  int64_t created_at_ms = 0;
  int64_t number = 0;  // order of creation
};

enum class DeltaState : uint8_t { pending, running, ready, rejected, failed, dropped };
constexpr std::array<std::string_view, 6> kDeltaStates = {"pending",  "running", "ready",
                                                          "rejected", "failed",  "dropped"};
constexpr auto to_string(DeltaState state) -> std::string_view {
  return kDeltaStates[static_cast<size_t>(state)];
}

/// bsdiff is made where a device knows nothing else, godwit always, the others for small and for
/// slow decoders.
constexpr std::array<std::string_view, 4> kDeltaFormats = {"bsdiff", "godwit", "godwit-small",
                                                           "godwit-fast"};

/// What a delta is called by devices: those for small or slow decoders are of our container too.
constexpr auto wire_format(std::string_view format) -> std::string_view {
  return format.starts_with("godwit-") ? "godwit" : format;
}

struct Delta {
  std::string model;
  std::string from;
  std::string to;
  std::string format;  // "bsdiff", "godwit"; for decoders of little memory "godwit-small", for slow
                       // ones "godwit-fast"
  DeltaState state = DeltaState::pending;
  std::optional<uint64_t> size_bytes;     // sealed
  uint64_t full_size_bytes = 0;           // sealed full release
  std::string reason;                     // why it was rejected or failed
  std::optional<double> seconds;          // making, checking and sealing it
  std::optional<Sha256> sha256;           // of the sealed delta, when ready
  std::optional<proto::WrappedKey> key;   // to the server's sealing key; never shown
  uint32_t patch_version = 0;             // of the decoder that applies it; 0: any bspatch
  uint64_t patch_ram_bytes = 0;           // that its decoder needs
  std::string mode;                       // what it is made of
  uint64_t devices = 0;                   // that ran `from` when it was asked for
  uint64_t downloads = 0;                 // devices that came from `from` by a delta
  uint64_t bytes_received = 0;            // by those
  uint32_t tries = 0;                     // that were begun since it was asked for
  std::optional<int64_t> failed_at_ms;    // the last one that failed
  std::optional<int64_t> next_try_at_ms;  // while it waits after one that failed
  std::string requested_by;               // whose token asked for it by hand; empty: nobody's
  std::optional<int64_t> requested_at_ms;
};

/// What came to devices of one release in one way, and how much less that was than full releases.
struct Traffic {
  std::string model;
  std::string from;  // the version that they ran; empty: none, or of all of them
  std::string version;
  std::string transport;  // "full", "delta", "chain", "slot"
  int64_t devices = 0;
  int64_t bytes_received = 0;
  int64_t bytes_saved = 0;
};

/// The same for devices of one tag, of all releases. A device counts under each of its tags.
struct TagTraffic {
  std::string tag;  // empty: devices without tags
  std::string transport;
  int64_t devices = 0;
  int64_t bytes_received = 0;
  int64_t bytes_saved = 0;
};

struct Attempt {
  std::string device;
  AttemptNo n = 0;
  int64_t rollout = 0;
  std::string model;
  std::string version;
  std::optional<std::string> from_version;
  uint32_t phase = 1;
  bool rollback = false;  // sends a device back after its rollout failed
  AttemptState state = AttemptState::queued;
  uint32_t rev = 1;
  bool cancel_requested = false;
  uint32_t percent = 0;
  uint32_t code = 0;
  std::string message;
  std::string transport;
  uint64_t bytes_received = 0;
  std::optional<proto::Health> health;
  int64_t created_at_ms = 0;
  int64_t updated_at_ms = 0;
};

struct ComponentState {
  std::optional<std::string> version;
  std::optional<std::string> other_version;
};

struct Device {
  std::string id;
  std::string hardware_id;
  std::string arch;
  uint32_t engine_version = 0;
  uint64_t ram_bytes = 0;
  uint64_t flash_bytes = 0;
  uint32_t patch_version = 0;  // of our delta container that it applies; 0: BSDIFF40 alone
  uint64_t patch_ram_bytes = 0;
  uint32_t patch_steps = 1;             // deltas that it applies one after another
  uint64_t patch_rate_bytes_per_s = 0;  // that its decoder makes; 0: not said
  std::vector<std::string> tags;
  std::map<std::string, std::string> attributes;
  bool online = false;
  std::optional<int64_t> last_seen_at_ms;
  int64_t enrolled_at_ms = 0;
  std::optional<int64_t> certificate_until_ms;
  std::map<std::string, ComponentState> components;  // by model
  std::optional<Attempt> attempt;                    // the active one, or else the latest
  int64_t rev = 1;                                   // of what operators change: the ETag
};

struct Filter {
  std::string name;
  std::string query;
  int64_t created_at_ms = 0;
  int64_t rev = 1;
};

enum class PhaseState : uint8_t { pending, running, succeeded, failed };
constexpr std::array<std::string_view, 4> kPhaseStates = {"pending", "running", "succeeded",
                                                          "failed"};
constexpr auto to_string(PhaseState state) -> std::string_view {
  return kPhaseStates[static_cast<size_t>(state)];
}

/// Attempts by state, each device once (its newest attempt in the rollout).
using Counts = std::array<uint64_t, proto::kAttemptStates.size()>;

struct Phase {
  double percent = 100;  // cumulative
  double success_percent = 100;
  uint32_t soak_s = 0;
  PhaseState state = PhaseState::pending;
  uint64_t devices = 0;
  Counts counts{};
  uint64_t bytes_received = 0;
  std::optional<int64_t> reached_at_ms;  // when success_percent was reached: the soak runs

  auto count(AttemptState s) const -> uint64_t { return counts[static_cast<size_t>(s)]; }
  auto queued() const -> uint64_t { return count(AttemptState::queued); }
  auto succeeded() const -> uint64_t { return count(AttemptState::succeeded); }
  auto active() const -> uint64_t;  // notified up to trial
  auto failed() const -> uint64_t;  // every other end
};

enum class FailureType : uint8_t { all, failed, rejected, timed_out };
constexpr std::array<std::string_view, 4> kFailureTypes = {"ALL", "FAILED", "REJECTED",
                                                           "TIMED_OUT"};

struct AbortRule {
  double threshold_percent = 1;
  uint64_t min_executed = 1;
  std::vector<FailureType> failure_types = {FailureType::all};
};

enum class OnFailure : uint8_t { stop, rollback };
constexpr std::array<std::string_view, 2> kOnFailure = {"stop", "rollback"};

struct Rollout {
  int64_t id = 0;
  std::string name;
  std::string model;
  std::string version;
  std::string filter;
  RolloutState state = RolloutState::draft;
  std::string status;
  uint32_t phase = 0;  // 1-based, 0 before the start
  std::vector<Phase> phases;
  uint64_t devices = 0;
  Counts counts{};
  uint64_t bytes_received = 0;
  AbortRule abort;
  uint32_t in_progress_timeout_s = 3600;
  uint32_t retries = 0;
  OnFailure on_failure = OnFailure::stop;
  int64_t created_at_ms = 0;
  std::optional<int64_t> started_at_ms;
  std::optional<int64_t> ended_at_ms;
  int64_t rev = 1;  // rises with every change of state or phase: the ETag
};

struct Event {
  int64_t number = 0;
  int64_t at_ms = 0;
  std::optional<Rollout> rollout;  // one of the two
  std::optional<Attempt> attempt;
};

}  // namespace godwit::server
