// What a kernel gets, and the table of kernels. Everything in a Step was validated by parse_model
// when the model was loaded, so kernels check nothing and cannot fail.
#pragma once

#include <span>

#include "proto/format/operators.h"

namespace godwit::engine {

struct Shape {
  std::array<int32_t, proto::kTensorRankMax> extent{};  // ones past the rank
  int32_t rank = 0;
  int32_t elements = 0;

  auto operator[](size_t i) const -> int32_t { return extent[i]; }
};

template <typename Byte>
struct Operand {
  Byte* data = nullptr;
  Shape shape;
  int32_t zero_point = 0;
  uint32_t size_bytes = 0;

  auto int8() const {
    using Int8 = std::conditional_t<std::is_const_v<Byte>, int8_t const, int8_t>;
    return reinterpret_cast<Int8*>(data);
  }
};

/// One output channel of a matrix operator, in the processor's own byte order.
struct Channel {
  int32_t bias;
  proto::Multiplier multiplier;
};

constexpr size_t kKernelInputsMax = 2;  // beside those that became channels

struct Step {
  proto::Operator op;
  std::array<Operand<uint8_t const>, kKernelInputsMax> inputs;
  Operand<uint8_t> output;
  std::span<Channel const> channels;
  void (*run)(Step const& step, void* scratch) = nullptr;
};

struct Kernel {
  proto::Opcode code;
  void (*run)(Step const& step, void* scratch);
  /// How much scratch memory a run needs; it is aligned to 16 and holds nothing between runs.
  uint64_t (*scratch_bytes)(Step const& step);
  bool has_channels;  // inputs 2, 3 and 4 are bias, multipliers and shifts
};
auto find_kernel(proto::Opcode code) -> Kernel const*;

void conv_2d(Step const& step, void* scratch);
void depthwise_conv_2d(Step const& step, void* scratch);
void fully_connected(Step const& step, void* scratch);
void add(Step const& step, void* scratch);
void average_pool_2d(Step const& step, void* scratch);
void max_pool_2d(Step const& step, void* scratch);
void pad(Step const& step, void* scratch);
void mean(Step const& step, void* scratch);
void reshape(Step const& step, void* scratch);
void softmax(Step const& step, void* scratch);

}  // namespace godwit::engine
