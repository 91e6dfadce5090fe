#include "agent/engine/operators/nibbles.h"

#include <algorithm>

#include "agent/engine/fixed_point.h"

namespace godwit::engine {

namespace {

struct Layer {
  int32_t channels, bytes;  // of weights of a channel

  explicit Layer(Step const& step)
      : channels(step.inputs[1].shape[0]), bytes(step.inputs[1].shape[1]) {}
  auto room() const -> int32_t { return nibble_room(bytes); }
};

}  // namespace

auto split_values(int8_t const* values, int32_t bytes, int8_t* even, int8_t* odd) -> uint32_t {
  uint32_t total = 0;
  for (int32_t i = 0; i < bytes; ++i) {
    even[i] = values[2 * i];
    odd[i] = values[2 * i + 1];
    total += static_cast<uint32_t>(even[i] + odd[i]);
  }
  std::fill_n(even + bytes, nibble_room(bytes) - bytes, int8_t{0});
  std::fill_n(odd + bytes, nibble_room(bytes) - bytes, int8_t{0});
  return total;
}

auto sum_of_weights(uint8_t const* weights, int32_t bytes) -> uint32_t {
  std::array<int8_t, kNibbleBytes> ones;
  ones.fill(1);
  uint32_t sum = 0;
  for (int32_t i = 0; i < bytes; i += kNibbleBytes)
    sum += nibble_sum(weights + i, std::min(kNibbleBytes, bytes - i), ones.data(), ones.data());
  return sum - 16 * static_cast<uint32_t>(bytes);
}

auto fully_connected_4_scratch(Step const& step) -> uint64_t {
  return 2 * static_cast<uint64_t>(Layer(step).room());
}

auto fully_connected_4_packed_bytes(Step const& step) -> uint64_t {
  return sizeof(uint32_t) * static_cast<uint64_t>(Layer(step).channels);
}

void fully_connected_4_pack(Step const& step, uint8_t* packed) {
  Layer const layer(step);
  auto* const offsets = reinterpret_cast<uint32_t*>(packed);
  uint8_t const* weights = step.inputs[1].data;
  for (int32_t c = 0; c < layer.channels; ++c, weights += layer.bytes) {
    uint32_t const sum = sum_of_weights(weights, layer.bytes);
    auto const bias = step.channels()[static_cast<size_t>(c)].bias;
    offsets[c] =
        static_cast<uint32_t>(bias) - static_cast<uint32_t>(step.inputs[0].zero_point) * sum;
  }
}

void fully_connected_4(Step const& step, NibbleSum sum_of, void* scratch) {
  Layer const layer(step);
  auto const clamp = step.op.params<proto::FullyConnectedParams>().clamp;
  auto const* const offsets = reinterpret_cast<uint32_t const*>(step.packed);
  auto* const even = static_cast<int8_t*>(scratch);
  auto* const odd = even + layer.room();
  int8_t const* input = step.inputs[0].int8();
  int8_t* output = step.output().int8();
  int32_t const rows = step.inputs[0].shape.elements / (2 * layer.bytes);
  for (int32_t row = 0; row < rows; ++row, input += 2 * layer.bytes, output += layer.channels) {
    uint32_t const total = split_values(input, layer.bytes, even, odd);
    uint8_t const* weights = step.inputs[1].data;
    for (int32_t c = 0; c < layer.channels; ++c, weights += layer.bytes) {
      uint32_t const sum = sum_of(weights, layer.bytes, even, odd) - 8 * total + offsets[c];
      output[c] = static_cast<int8_t>(
          requantise(static_cast<int32_t>(sum), step.channels()[static_cast<size_t>(c)].multiplier,
                     step.output().zero_point, clamp, step.op.rounding()));
    }
  }
}

void fully_connected_4(Step const& step, void* scratch) {
  fully_connected_4(step, nibble_sum, scratch);
}

}  // namespace godwit::engine
