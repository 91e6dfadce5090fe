// What coding a tensor in some way would cost, counted on some of its rows.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "server/delta/tensor_map.h"
#include "server/delta/weights/segment_code.h"

namespace godwit::delta {

struct TensorPlan {
  TensorPair pair;
  bool copy = false;                  // nothing changed
  bool bytes = false;                 // as bytes, beside the old ones where there are some
  proto::weights::Segment segment{};  // of the whole tensor; its factor is set by the writer
  std::vector<int32_t> ratios{};      // one for each row, when the segment is scaled
  std::vector<proto::weights::HalvesFactors> factors{};  // the same, when it has halves
  RankedMove move{};                                     // when the segment is ranked
  std::vector<uint32_t> codebook{};                      // in order, when the segment has one
  std::vector<uint32_t> waves{};  // that they follow from, when the segment has them
};

/// Counts for one plan after another; keeps what counting needs.
class TensorTrial {
 public:
  TensorTrial(ByteView old_file, ByteView new_file);
  /// Bytes of all of it, as its segment says: tabled, or learning. By so many elements at most.
  auto cost(TensorPlan const& plan) -> double;
  auto cost(TensorPlan const& plan, uint32_t elements_max) -> double;
  /// The same, coded as bytes.
  auto bytes_cost(TensorPlan const& plan, bool tabled) -> double;

 private:
  template <typename Coder, typename Models>
  void try_rows(Coder& coder, Models& models, TensorPlan const& plan, uint32_t elements_max);
  template <typename Coder, typename Models>
  void try_bytes(Coder& coder, Models& models, TensorPlan const& plan);

  ByteView old_;
  ByteView new_;
  std::unique_ptr<CodingMemory<true>> memory_;
};

}  // namespace godwit::delta
