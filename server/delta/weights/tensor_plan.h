// How a tensor is coded: tried on some of its rows, the cheapest way wins.
#pragma once

#include <optional>

#include "proto/format/container.h"
#include "server/delta/tensor_map.h"
#include "server/delta/weights/segment_code.h"

namespace godwit::delta {

struct TensorPlan {
  TensorPair pair;
  bool copy = false;                  // nothing changed
  proto::weights::Segment segment{};  // of the whole tensor; its factor is set by the writer
  std::vector<int32_t> ratios{};      // one for each row, when the segment is scaled
  RankedMove move{};                  // when the segment is ranked
};

/// Chooses for one tensor after another; keeps what choosing needs.
class TensorPlanner {
 public:
  TensorPlanner(ByteView old_file, ByteView new_file, proto::Profile profile);
  ~TensorPlanner();
  auto plan(TensorPair const& pair) -> TensorPlan;

 private:
  struct Trial;
  auto cost(TensorPlan const& plan) -> double;
  void try_scaled(TensorPlan& best, double& best_cost, std::vector<int32_t> ratios);
  void try_ranked(TensorPlan& best, double& best_cost);
  auto rank_max(TensorSpan const& tensor) const -> uint32_t;
  auto file_ratios(TensorPair const& pair) const -> std::vector<int32_t>;
  auto fitted_ratios(TensorPair const& pair) const -> std::vector<int32_t>;

  ByteView old_;
  ByteView new_;
  proto::Profile profile_;
  std::unique_ptr<Trial> trial_;
};

}  // namespace godwit::delta
