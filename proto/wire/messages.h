// What devices and servers say over MQTT, version 1 (docs/device-protocol.md): JSON, unknown keys
// ignored. Encoding never fails; decoding bounds everything and answers `invalid` with the reason.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"
#include "proto/json/json.h"
#include "proto/wire/states.h"

namespace godwit::proto {

/// One slot of a component: what it holds, by version and plaintext hash.
struct SlotContent {
  std::string version;
  Sha256 plain_sha256;
  auto operator==(SlotContent const&) const -> bool = default;
};

/// What a device runs as one component (a model), and what its other slot still holds.
struct ComponentReport {
  std::optional<SlotContent> running;
  std::optional<SlotContent> other;
};

/// What a device is: checked against a release's `requires` on both sides.
struct DeviceFacts {
  std::string hardware_id;      // "cam-v2"
  std::string arch;             // "x86_64", "aarch64", "armv7"
  uint32_t engine_version = 0;  // highest compiled-model format that its engine runs
  uint64_t ram_bytes = 0;       // for one model: plan and arena
  uint64_t flash_bytes = 0;     // for one slot
  uint32_t patch_version = 0;  // highest of our delta containers that it applies; 0: BSDIFF40 alone
  uint64_t patch_ram_bytes = 0;         // for the decoder of a container, beside the files
  uint32_t patch_steps = 1;             // deltas that it applies one after another
  uint64_t patch_rate_bytes_per_s = 0;  // made by its decoder of weights that learns; 0: not said
  auto operator==(DeviceFacts const&) const -> bool = default;
};

/// up/hello: sent at every connection; the answer is dn/job when there is work.
struct Hello {
  uint64_t epoch = 0;  // starts of the agent, counted durably
  uint64_t seq = 0;    // messages within the epoch
  std::string agent;   // its version
  DeviceFacts facts;
  std::map<std::string, ComponentReport> components;  // by model name
  std::optional<AttemptNo> attempt;                   // the one it is working on
};

/// Latency in microseconds in log-linear buckets: 16 linear sub-buckets an octave
/// (docs/device-protocol.md). Merging is adding counts. Bucket of v: v < 16: v; else 16 * (e - 3) +
/// (v >> (e - 4)) - 16, e = floor(log2 v).
struct Histogram {
  std::map<uint32_t, uint64_t> buckets;  // bucket index -> count

  void add(uint64_t value);
  void merge(Histogram const& other);
  auto count() const -> uint64_t;
  /// Upper bound of the bucket in which the quantile q (0..1) lies; 0 when empty.
  auto quantile(double q) const -> uint64_t;
  static auto bucket_of(uint64_t value) -> uint32_t;
  static auto upper_bound(uint32_t bucket) -> uint64_t;
  auto operator==(Histogram const&) const -> bool = default;
};

/// How a release behaved on a device: during the trial, on that device's own inputs.
struct Health {
  uint64_t inferences = 0;
  uint64_t errors = 0;
  std::optional<uint64_t> labelled;  // inputs that carry a label
  std::optional<uint64_t> correct;   // of those
  Histogram latency_us;
  std::vector<uint64_t>
      outputs;                // how often each class had the greatest output; at most 1024 classes
  std::optional<double> psi;  // population stability index of `outputs` against the release before
  std::optional<double> accuracy_drop_points;  // percentage points lost against the release before
};

/// up/job: progress or the end of an attempt. Repeated until acknowledged.
struct JobReport {
  uint64_t epoch = 0;
  uint64_t seq = 0;
  AttemptNo attempt = 0;
  uint32_t rev = 0;  // of the dn/job that it works on
  AttemptState state = AttemptState::notified;
  uint32_t percent = 0;
  uint32_t code =
      0;  // 0, or the reason: 1xxx request, 2xxx artifact, 3xxx storage or RAM, 4xxx network,
          // 5xxx install, 6xxx self-test or rollback, 7xxx policy, 9xxx internal
  int32_t errno_ext = 0;
  std::string message;          // at most 256 bytes
  std::string transport;        // "full", "delta", "chain" or "slot" once known
  uint64_t bytes_received = 0;  // of artifacts, in this attempt
  std::optional<Health> health;
  std::optional<ComponentReport> component;  // what runs now; required when the state is an end
};

/// up/pres: the will (online = false, the epoch of the connection it belongs to), or a goodbye.
struct Presence {
  uint64_t epoch = 0;
  bool online = false;
};

/// dn/job: a hint. What to do is decided by the Director's signed metadata alone.
struct JobHint {
  AttemptNo attempt = 0;
  uint32_t rev = 0;
  std::string op;          // "update" or "cancel"
  std::string component;   // model name
  uint32_t jitter_ms = 0;  // wait hash(device, attempt) mod jitter before fetching
};

/// dn/ack: everything of that epoch up to seq is committed; or why one message was refused.
struct Ack {
  uint64_t epoch = 0;
  uint64_t seq = 0;
  std::string error;    // empty, "invalid_transition", "version_mismatch", "unknown_attempt",
                        // "terminal_state", "invalid_message"
  std::string current;  // the attempt's state at the server, with an error
};

auto encode(Hello const& message) -> std::string;
auto encode(JobReport const& message) -> std::string;
auto encode(Presence const& message) -> std::string;
auto encode(JobHint const& message) -> std::string;
auto encode(Ack const& message) -> std::string;

/// `health` as it stands in a report; the server stores it in the same form.
auto to_json(Health const& health) -> Json;
auto parse_health(Json const& json) -> Result<Health>;

auto decode_hello(std::string_view payload) -> Result<Hello>;
auto decode_job_report(std::string_view payload) -> Result<JobReport>;
auto decode_presence(std::string_view payload) -> Result<Presence>;
auto decode_job_hint(std::string_view payload) -> Result<JobHint>;
auto decode_ack(std::string_view payload) -> Result<Ack>;

}  // namespace godwit::proto
