// A small quantised network in memory, and its weights in real numbers.
#pragma once

#include <deque>

#include "compiler/read/tflite.h"
#include "compiler/requantise/float_weights.h"
#include "proto/base/bytes.h"

namespace godwit::compiler {

/// Deterministic, evenly spread over [-1, 1).
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  auto next() -> float {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<int32_t>(state_)) / 2147483648.0f;
  }

 private:
  uint32_t state_;
};

/// A matrix of 16 inputs by 6 outputs, a scale for each, and its bias; RELU; a matrix of 6 by 3
/// with one scale and no bias.
struct Network {
  static constexpr uint32_t kInputs = 16, kHidden = 6, kOutputs = 3;

  TfliteModel model;
  std::deque<Bytes> data;
  std::vector<FloatTensor> weights;  // what the codes mean

  Network();
  Network(Network const&) = delete;

 private:
  void add_constant(std::string name, TfliteType type, std::vector<uint32_t> shape,
                    std::vector<float> scales, Bytes bytes);
};

/// The codes of int8 tensor `name`.
auto codes_of(TfliteModel const& model, std::string const& name) -> std::vector<int8_t>;
/// `weights` moved by up to `steps` steps of the tensors' largest scales.
auto moved(std::vector<FloatTensor> weights, float steps, uint32_t seed)
    -> std::vector<FloatTensor>;

}  // namespace godwit::compiler
