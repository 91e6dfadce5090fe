// Models of a few operators, each reading what one before it made.
#pragma once

#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {

class RandomGraph {
 public:
  explicit RandomGraph(RandomStep& random) : random_(random) {}
  auto model() -> Bytes;

 private:
  using Shape = std::vector<uint32_t>;

  void append();  // an operator that reads the newest tensor
  void append_conv(bool depthwise);
  void append_fully_connected();
  void append_add();
  void append_pool();
  /// Makes a tensor and the operator that writes it. `constants` become its further inputs.
  void finish(proto::Opcode code, std::vector<uint32_t> inputs, Shape shape, int32_t zero_point,
              std::vector<int32_t> params, std::vector<proto::TensorSpec> constants = {});
  auto newest() const -> proto::TensorSpec const& { return activations_.back(); }

  RandomStep& random_;
  std::vector<proto::TensorSpec> activations_;
  std::vector<proto::TensorSpec> constants_;
  std::vector<proto::OperatorSpec> operators_;
};

}  // namespace godwit::engine
