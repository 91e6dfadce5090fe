// How a tensor is coded: tried on some of its rows, the cheapest way wins.
#pragma once

#include "proto/format/container.h"
#include "server/delta/pages.h"
#include "server/delta/weights/tensor_trial.h"

namespace godwit::delta {

/// Chooses for one tensor after another; keeps what choosing needs.
class TensorPlanner {
 public:
  TensorPlanner(ByteView old_file, ByteView new_file, proto::Profile profile, Pages& pages);
  auto plan(TensorPair const& pair) -> TensorPlan;

 private:
  auto plan_tensor(TensorPair const& pair) -> TensorPlan;
  void try_codes(TensorPlan& best, double& best_cost);
  void try_as_bytes(TensorPlan& best, double& best_cost);
  /// The cheapest way without the old file.
  auto best_alone(TensorPlan plan) -> TensorPlan;
  auto is_tabled(proto::weights::Segment const& segment) const -> bool;
  auto settled(TensorPlan const& plan, double& cost) -> TensorPlan;
  /// Of float32 that are halves times a factor of their row, which `halves` codes alone.
  void try_halves(TensorPlan& best, double& best_cost, TensorPlan halves);
  void try_ranked(TensorPlan& best, double& best_cost, TensorPlan const& base);
  /// The exponent of the last place that a typical number of a float tensor has.
  auto last_place(TensorSpan const& tensor) const -> int32_t;
  auto rank_max(TensorSpan const& tensor) const -> uint32_t;

  ByteView old_;
  ByteView new_;
  proto::Profile profile_;
  Pages& pages_;
  bool const by_tables_;  // ways are compared as if all were tabled
  TensorTrial trial_;
};

}  // namespace godwit::delta
