// Weights as real numbers, and which of a file's tensors are those of a network that is deployed.
#pragma once

#include <string>
#include <vector>

#include "proto/base/result.h"

namespace godwit::compiler {

struct FloatTensor {
  std::string name;
  std::vector<uint32_t> shape;  // row-major
  std::vector<float> values;
};

struct MatchedWeights {
  /// For each tensor of the network its new values, in its order.
  std::vector<std::vector<float>> values;
  /// Tensors that the network has no use for.
  std::vector<std::string> unused;
};

/// Finds each tensor of `network` (what it means as deployed) among `weights`: by its name; else
/// the one that holds nearly the same; else the only one of its shape; of tensors that are equal as
/// deployed, one is enough, and zeros may be absent. Shapes may differ in ones,
/// and in the order of axes that PyTorch, ONNX or TensorFlow keep filters and matrices in.
/// `invalid` names the first tensor that is not there.
auto match_weights(std::vector<FloatTensor> const& network, std::vector<FloatTensor> const& weights)
    -> Result<MatchedWeights>;

}  // namespace godwit::compiler
