// How well an autoencoder tells strange clips from usual ones: by the error with which it gives its
// input back.
#pragma once

#include <functional>

#include "agent/engine/engine.h"

namespace godwit::compiler {

struct AnomalyEvaluation {
  uint64_t windows = 0;
  std::vector<double> scores;  // of each clip: the mean squared error over its windows
  double auc = 0;              // the chance that a strange clip scores higher than a usual one
  uint64_t latency_ns_p50 = 0;
  uint64_t latency_ns_p99 = 0;
};

/// The area under the curve of true over false alarms, of scores with labels (0: usual); equal
/// scores count half. `invalid` unless there are both kinds.
auto area_under_curve(std::vector<double> const& scores, ByteView labels) -> Result<double>;

/// Each `windows_per_clip` rows are one clip, with one label. `invalid` unless the model's first
/// output has as many values as its input, both of one byte.
auto evaluate_anomalies(engine::Engine& engine, ByteView inputs, ByteView labels,
                        uint64_t windows_per_clip, std::function<uint64_t()> const& now_ns)
    -> Result<AnomalyEvaluation>;

}  // namespace godwit::compiler
