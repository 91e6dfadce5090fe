// New weights in the codes of a deployed int8 graph. Its scales, its activations and its structure
// stay; a code stays too, unless the weight has moved away from it. What stays need not travel.
#pragma once

#include <deque>
#include <functional>

#include "compiler/read/tflite.h"
#include "compiler/requantise/float_weights.h"
#include "compiler/requantise/means.h"
#include "proto/base/bytes.h"

namespace godwit::compiler {

struct Requantised {
  TfliteModel model;       // borrows from the base, and from `data`
  std::deque<Bytes> data;  // what was made anew
  uint64_t codes = 0;      // weights of 8 and of 4 bits
  uint64_t moved = 0;      // of these, which are not the base's
  uint64_t clipped = 0;    // whose weight lies more than half a step outside of what codes can say
};

class Requantiser {
 public:
  /// `invalid` where the base is not quantised, keeps weights in a type that this cannot write, or
  /// has tensors that `weights` lack. Borrows `base`.
  static auto make(TfliteModel const& base, std::vector<FloatTensor> const& weights)
      -> Result<Requantiser>;

  /// What layers read in the mean, as measured on the network with these codes.
  using Measure = std::function<Result<Means>(Requantised const& made,
                                              std::vector<MeanRequest> const& requests)>;
  /// From then on biases make up for what the codes that stay behind their weights move the mean of
  /// a layer's output by.
  auto calibrate(Measure const& measure) -> Result<>;
  /// The same, measured on rows of the network.
  auto calibrate(ByteView rows) -> Result<>;

  /// A code is kept if the new weight lies within `tau_lsb` steps of it, and is else the nearest.
  /// Below half a step nothing is kept for its own sake: every code is the nearest. Biases, whose
  /// steps are small, are always the nearest.
  auto within(double tau_lsb) const -> Requantised;
  /// What a converter would make: every code the nearest, and the scales of matrices and filters
  /// those of their new weights. Activations stay as they are.
  auto with_own_scales() const -> Requantised;
  auto unused() const -> std::vector<std::string> const& { return unused_; }

 private:
  /// What a matrix is multiplied by.
  struct Reads {
    MeanRequest mean;
    size_t channels = 0;  // that it makes
    bool depthwise = false;
  };

  /// A constant that holds parameters.
  struct Slot {
    size_t tensor = 0;
    std::vector<double> scales{};  // one, or one for each index of the axis
    size_t inner = 1;              // values for which the index of the axis stays
    int64_t zero_point = 0;
    int64_t code_max = 127;           // and its negative the least, where weights are symmetric
    bool matrix = false;              // weights whose scales may be others
    std::optional<Reads> reads{};     // of a matrix with a bias
    std::optional<size_t> weights{};  // of a bias: the slot of its matrix, whose scales it follows
    std::vector<float> values{};      // the new ones

    auto channel(size_t i) const -> size_t {
      return scales.size() > 1 ? i / inner % scales.size() : 0;
    }
  };

  explicit Requantiser(TfliteModel const& base) : base_(base) {}
  auto find_slots() -> Result<>;
  auto add_matrix(TfliteOperator const& op) -> Result<>;
  auto add_slot(size_t tensor, std::vector<double> scales, uint32_t axis) -> Result<>;
  auto slot_of(size_t tensor) const -> std::optional<size_t>;
  auto code(Slot const& slot, size_t i) const -> int64_t;
  void note_reads(Slot& matrix, size_t input, size_t channels, bool depthwise) const;
  auto new_code(Slot const& slot, size_t i, double missing, double tau_lsb) const -> int64_t;
  auto missing_means(Slot const& matrix, ByteView codes) const -> std::vector<double>;
  auto write(std::vector<Slot> const& slots, double tau_lsb) const -> Requantised;
  auto deployed() const -> std::vector<FloatTensor>;

  TfliteModel const& base_;
  std::vector<Slot> slots_;
  std::vector<std::string> unused_;
  Means means_;
};

}  // namespace godwit::compiler
