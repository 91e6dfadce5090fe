// Models of one operator with random shapes, weights and parameters, for comparing paths.
#pragma once

#include <random>

#include "proto/format/model_write.h"
#include "proto/format/operators.h"

namespace godwit::engine {

/// What only the portable kernels do.
struct Form {
  bool once = false;        // rounded once
  bool wide = false;        // int16 activations
  bool asymmetric = false;  // weights with a zero point
};

/// The product of extents.
auto elements(std::vector<uint32_t> const& shape) -> uint32_t;

/// As constants lie in a model.
auto words(std::vector<int32_t> const& values) -> Bytes;

/// One seed, one model: a failing case is replayed by its seed.
class RandomStep {
 public:
  explicit RandomStep(uint32_t seed, Form form = {})
      : engine_(seed), form_(form), wild_(one_in(6)) {}

  auto conv(bool depthwise) -> Bytes;
  auto conv_3x3() -> Bytes;  // of stride 1, large enough for tiles
  auto fully_connected() -> Bytes;
  auto fully_connected_4() -> Bytes;
  auto add() -> Bytes { return sum(proto::Opcode::add); }
  auto sum(proto::Opcode code) -> Bytes;  // ADD, SUB
  auto pool(proto::Opcode code) -> Bytes;
  auto mean() -> Bytes;
  auto transpose_conv() -> Bytes;
  auto binary(proto::Opcode code) -> Bytes;   // MUL, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE, PRELU
  auto reduced(proto::Opcode code) -> Bytes;  // REDUCE_MAX, REDUCE_MIN, ARG_MAX, ARG_MIN
  auto slopes() -> Bytes;
  auto batch_matmul() -> Bytes;
  auto resize_bilinear() -> Bytes;
  auto resize_bilinear_real() -> Bytes;
  auto converted(proto::Opcode code) -> Bytes;  // REQUANTIZE, CAST, DEQUANTIZE
  auto pad() -> Bytes;
  auto reshape() -> Bytes;
  auto rearrange() -> Bytes;
  auto concatenation() -> Bytes;
  auto gather() -> Bytes;
  auto lookup() -> Bytes;
  auto lstm(bool halves = false) -> Bytes;
  auto svdf() -> Bytes;

  auto between(int32_t low, int32_t high) -> int32_t {
    return std::uniform_int_distribution<int32_t>(low, high)(engine_);
  }
  auto one_in(int32_t n) -> bool { return between(1, n) == 1; }
  /// Often at the edges of what fits into vectors.
  auto channels() -> int32_t;
  auto bytes(size_t count) -> Bytes;
  auto clamp(int32_t zero_point) -> proto::Clamp;
  auto zero_point() -> int32_t {
    if (form_.wide) return 0;
    return one_in(3) ? -128 : between(-128, 127);
  }
  auto type() const -> proto::TensorType {
    return form_.wide ? proto::TensorType::int16 : proto::TensorType::int8;
  }
  /// Brings a sum of `depth` products to about the range of int8, mostly.
  auto multiplier(int32_t depth) -> proto::Multiplier;
  /// Of an input of ADD: at most 1.
  auto add_multiplier() -> proto::Multiplier;
  auto add_params(int32_t out_zero_point) -> proto::AddParams;
  /// Weights, biases, factors and shifts.
  auto constants(std::vector<uint32_t> weights_shape, uint32_t channels, int32_t depth)
      -> std::vector<proto::TensorSpec>;

 private:
  struct Conv {
    proto::ConvParams params;  // but for the padding
    int32_t kernel_height, kernel_width;
    bool padded;
    int32_t out_height, out_width, in_channels;
  };
  auto conv(Conv const& c, bool depthwise) -> Bytes;
  auto symmetric(size_t count) -> Bytes;  // no -128
  auto shape4(int32_t most, int32_t channels) -> std::vector<uint32_t>;
  void add_constants(proto::ModelSpec& spec, std::vector<uint32_t> weights_shape, uint32_t channels,
                     int32_t depth);
  auto finish(proto::ModelSpec& spec, proto::Opcode code, std::vector<int32_t> params) -> Bytes;

  std::mt19937 engine_;
  Form form_;
  bool wild_;  // with factors that no model has, which some kernels leave to others
};

}  // namespace godwit::engine
