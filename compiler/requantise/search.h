// How far codes may stay behind their weights before it costs accuracy: bytes of the delta against
// accuracy, and the smallest delta that is accurate enough.
#pragma once

#include <functional>
#include <optional>

#include "compiler/compile.h"
#include "compiler/requantise/compiled_base.h"

namespace godwit::compiler {

struct SearchOptions {
  /// In points of what `score_percent` tells, from a model with scales of its own.
  double drop_points_max = 0.1;
  /// Only this one, instead of a search.
  std::optional<double> tau_lsb{};
  CompileOptions compile{};
  /// Rows of the network, to correct biases by; none: biases are as they were given.
  ByteView rows{};
};

/// What the compiler cannot know by itself.
struct Measures {
  std::function<Result<uint64_t>(ByteView deployed, ByteView model)> delta_bytes;
  /// Of a compiled model; absent: nothing is known of accuracy.
  std::function<Result<double>(ByteView model)> score_percent;
};

struct CurvePoint {
  std::optional<double> tau_lsb{};  // none: with scales of its own
  uint64_t delta_bytes = 0;
  std::optional<double> score_percent{};
  uint64_t moved = 0;    // codes that are not the deployed ones
  uint64_t clipped = 0;  // weights that the deployed scales cannot say
};

struct Search {
  std::vector<CurvePoint> curve;  // with scales of its own, then by rising tau
  size_t chosen = 0;              // of the curve
  Compiled compiled;              // of the chosen one
  uint64_t codes = 0;             // int8 weights
  std::optional<double> deployed_percent{};
  std::vector<std::string> unused;  // tensors among the weights that the base has no use for
};

/// The graph of a deployed model, and what was compiled of it; or that alone.
struct Deployed {
  TfliteModel const& graph;
  ByteView model;
  CompiledBase const* compiled = nullptr;  // whose graph it is
};

/// `source` is the hash of the file with the new weights. `conflict` when nothing is accurate
/// enough, with the best that there was.
auto search_tau(Deployed const& deployed, std::vector<FloatTensor> const& weights,
                Sha256 const& source, SearchOptions const& options, Measures const& measures)
    -> Result<Search>;

}  // namespace godwit::compiler
