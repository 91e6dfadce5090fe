// Runs a model over files of rows: raw little-endian tensors, one after another.
#pragma once

#include <functional>

#include "agent/engine/engine.h"

namespace godwit::compiler {

/// All output rows. `invalid` unless `inputs` holds a whole number of rows, at least one.
/// State is reset before each row unless it is kept.
auto run_rows(engine::Engine& engine, ByteView inputs, bool keep_state) -> Result<Bytes>;

/// The value that `share` of the sorted values, at least one, do not exceed.
auto quantile(std::vector<uint64_t> const& sorted, double share) -> uint64_t;

struct Evaluation {
  uint64_t rows = 0;
  uint64_t correct = 0;
  std::vector<uint64_t> answers;  // how often each class was the answer
  uint64_t latency_ns_p50 = 0;    // of one run
  uint64_t latency_ns_p99 = 0;

  auto accuracy() const -> double {
    return static_cast<double>(correct) / static_cast<double>(rows);
  }
};

/// The answer to a row is the index of the greatest value of the first output; it is correct when
/// it equals the row's label. `invalid` when labels and rows differ in number, or a label names no
/// class. `now_ns` reads a clock that never goes back, for the latencies.
auto evaluate(engine::Engine& engine, ByteView inputs, ByteView labels,
              std::function<uint64_t()> const& now_ns) -> Result<Evaluation>;

}  // namespace godwit::compiler
