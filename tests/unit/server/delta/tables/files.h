// Small files of weights in each format, made for tests.
#pragma once

#include <string>
#include <vector>

#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// A tensor with its bytes.
struct MadeTensor {
  std::string name;
  ElementType type = ElementType::int8;
  std::vector<uint32_t> shape;
  Bytes bytes;
};

/// int8 weights of which rows and columns have statistics of their own, as trained ones do.
auto made_weights(uint32_t rows, uint32_t cols, uint32_t seed) -> Bytes;
/// As after a gentle fine-tuning: about one in four moved by one.
auto fine_tuned(Bytes weights, uint32_t seed) -> Bytes;
auto int8_tensor(std::string name, uint32_t rows, uint32_t cols, uint32_t seed) -> MadeTensor;

auto safetensors(std::vector<MadeTensor> const& tensors) -> Bytes;

struct OnnxOptions {
  bool packed_dims = true;
  bool external = false;         // the data are said to be in another file
  bool branch = false;           // all of it is a branch of an If node
  std::string scales_of{};       // a DequantizeLinear node takes this tensor...
  std::string scales{"scales"};  // ... with these scales
};
auto onnx(std::vector<MadeTensor> const& tensors, OnnxOptions const& options = {}) -> Bytes;

}  // namespace godwit::delta
