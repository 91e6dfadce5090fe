// Builds small quantised graphs and runs them, for tests of what rewrites them.
#pragma once

#include <random>

#include "agent/engine/engine.h"
#include "compiler/graph.h"
#include "proto/format/operators.h"

namespace godwit::compiler {

class SmallGraph {
 public:
  explicit SmallGraph(uint32_t seed) : random(seed) {}

  auto input(std::vector<uint32_t> shape) -> uint32_t;
  /// `decided` of the output channels get a bias that clamps them to one value; every third weight
  /// of an input channel in `unread` is left zero.
  struct Matrix {
    uint32_t channels;
    uint32_t kernel = 1;
    int32_t stride = 1;
    bool padded = false;
    uint32_t decided_percent = 0;
    uint32_t unread_percent = 0;
  };
  auto conv(uint32_t value, Matrix const& matrix) -> uint32_t;
  auto depthwise(uint32_t value, Matrix const& matrix) -> uint32_t;
  auto fully_connected(uint32_t value, uint32_t channels, uint32_t unread_percent) -> uint32_t;
  auto add(uint32_t a, uint32_t b) -> uint32_t;
  auto mul(uint32_t a, uint32_t b) -> uint32_t;
  auto lookup(uint32_t value) -> uint32_t;
  auto mean(uint32_t value) -> uint32_t;
  auto reshape(uint32_t value, std::vector<uint32_t> shape) -> uint32_t;
  auto pad(uint32_t value, int32_t border, bool zero_point = true) -> uint32_t;
  auto average_pool(uint32_t value) -> uint32_t;
  /// Moves the constants behind the activations, as the format asks.
  auto finish(std::vector<uint32_t> outputs) -> Graph;

  auto pick(int32_t low, int32_t high) -> int32_t {
    return low + static_cast<int32_t>(random() % static_cast<uint32_t>(high - low + 1));
  }

  std::minstd_rand random;

 private:
  auto activation(std::vector<uint32_t> shape, int32_t zero_point) -> uint32_t;
  auto constant(proto::TensorType type, std::vector<uint32_t> shape, Bytes data) -> uint32_t;
  auto matrix_inputs(uint32_t value, std::vector<uint32_t> shape, uint32_t channels,
                     Matrix const& matrix) -> std::vector<uint32_t>;
  auto window_output(uint32_t value, Matrix const& matrix) -> std::pair<uint32_t, uint32_t>;
  auto add_operator(proto::Opcode code, std::vector<uint32_t> inputs, uint32_t output,
                    std::vector<int32_t> params) -> uint32_t;

  Graph graph_;
  std::vector<proto::TensorSpec> constants_;
};

/// Every activation in a place of its own, unless some place is planned already.
auto to_model(Graph graph) -> Bytes;

/// Outputs of `rows` random rows, and of rows of the lowest and the highest values.
auto outputs_of(Graph const& graph, uint32_t seed, uint32_t rows, std::string const& path = "")
    -> Bytes;

}  // namespace godwit::compiler
