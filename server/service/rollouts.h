// Rollouts: planned, started, steered by operators. What moves them on is jobs.h.
#pragma once

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;

struct PhaseSpec {
  double percent = 100;                   // cumulative, rising, at most 100
  std::optional<double> success_percent;  // default: 100 - abort threshold
  uint32_t soak_s = 0;
};

struct NewRollout {
  std::string name;
  ModelName model;
  Version version;
  std::string filter;          // FIQL, empty: every device
  std::string saved_filter{};  // instead: the name of a saved one, as its query is now
  std::vector<PhaseSpec> phases = {PhaseSpec{}};
  AbortRule abort;
  uint32_t in_progress_timeout_s = 3600;
  uint32_t retries = 0;
  OnFailure on_failure = OnFailure::stop;
  bool start = true;
};

struct RolloutPlan {
  uint64_t devices = 0;
  struct PhasePlan {
    double percent = 0;
    uint64_t devices = 0;
  };
  std::vector<PhasePlan> phases;
  struct Excluded {
    std::string device;
    std::string reason;
  };
  std::vector<Excluded> excluded;
};

class Rollouts {
 public:
  explicit Rollouts(Core& core) : core_(core) {}

  auto dry_run(NewRollout const& request) -> Result<RolloutPlan>;
  /// `conflict` for a yanked release, `invalid` when no device is left.
  auto create(NewRollout const& request) -> Result<Rollout>;
  auto get(int64_t id) -> Result<Rollout>;
  /// Newest first.
  auto list(PageRequest const& page) -> Result<Page<Rollout>>;
  /// In order of device id.
  auto attempts(int64_t id, PageRequest const& page) -> Result<Page<Attempt>>;

  /// `conflict` when the state forbids it or `if_rev` is not the present one.
  auto start(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout>;
  auto pause(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout>;
  auto resume(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout>;
  auto abort(int64_t id, std::optional<int64_t> if_rev) -> Result<Rollout>;

 private:
  Core& core_;
};

}  // namespace godwit::server
