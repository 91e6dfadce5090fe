// How the channels (the last dimension) of what an operator reads and writes belong together.
#pragma once

#include "compiler/graph.h"

namespace godwit::compiler {

enum class Channels : uint8_t {
  mixed,   // every output channel is made of all input channels, by weights
  paired,  // output channel c is made of input channel c % n, or c / multiplier, alone
  opaque,  // anything may happen
};

auto channels_of(Graph const& graph, proto::OperatorSpec const& op) -> Channels;

/// The input channel that makes output channel `c` of a paired operator.
auto input_channel(Graph const& graph, proto::OperatorSpec const& op, uint32_t c) -> uint32_t;

/// Whether a window of a convolution can reach past its input, where values count as zero.
auto reaches_outside(Graph const& graph, proto::OperatorSpec const& op) -> bool;

inline auto channel_count(proto::TensorSpec const& tensor) -> uint32_t {
  return tensor.shape.empty() ? 1 : tensor.shape.back();
}
inline auto element_count(proto::TensorSpec const& tensor) -> uint64_t {
  uint64_t count = 1;
  for (uint32_t extent : tensor.shape) count *= extent;
  return count;
}

}  // namespace godwit::compiler
