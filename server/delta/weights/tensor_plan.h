// How a tensor is coded: tried on some of its rows, the cheapest way wins.
#pragma once

#include <optional>

#include "proto/format/container.h"
#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"
#include "server/delta/weights/segment_code.h"

namespace godwit::delta {

struct TensorPlan {
  TensorPair pair;
  bool copy = false;                  // nothing changed
  bool bytes = false;                 // as bytes, beside the old ones where there are some
  proto::weights::Segment segment{};  // of the whole tensor; its factor is set by the writer
  std::vector<int32_t> ratios{};      // one for each row, when the segment is scaled
  RankedMove move{};                  // when the segment is ranked
  std::vector<uint32_t> codebook{};   // in order, when the segment has one
};

/// Chooses for one tensor after another; keeps what choosing needs.
class TensorPlanner {
 public:
  TensorPlanner(ByteView old_file, ByteView new_file, proto::Profile profile, Pages& pages);
  ~TensorPlanner();
  auto plan(TensorPair const& pair) -> TensorPlan;

 private:
  struct Trial;
  auto plan_tensor(TensorPair const& pair) -> TensorPlan;
  void try_codes(TensorPlan& best, double& best_cost);
  void try_as_bytes(TensorPlan& best, double& best_cost);
  auto is_tabled(proto::weights::Segment const& segment) const -> bool;
  auto cost(TensorPlan const& plan) -> double;
  template <typename Coder, typename Models>
  void try_rows(Coder& coder, Models& models, TensorPlan const& plan);
  auto bytes_cost(TensorPlan const& plan) -> double;
  template <typename Coder, typename Models>
  void try_bytes(Coder& coder, Models& models, TensorPlan const& plan);
  void try_ranked(TensorPlan& best, double& best_cost, TensorPlan const& base);
  /// The exponent of the last place that a typical number of a float tensor has.
  auto last_place(TensorSpan const& tensor) const -> int32_t;
  auto rank_max(TensorSpan const& tensor) const -> uint32_t;
  auto file_ratios(TensorPair const& pair) const -> std::vector<int32_t>;
  auto fitted_ratios(TensorPair const& pair) const -> std::vector<int32_t>;

  ByteView old_;
  ByteView new_;
  proto::Profile profile_;
  Pages& pages_;
  std::unique_ptr<Trial> trial_;
};

}  // namespace godwit::delta
