// What a kernel gets, what it tells of itself, and the paths (sets of kernels) to choose from.
// All that a Step holds was validated when the model was parsed: kernels check nothing and cannot
// fail. How to add an operator or an instruction set: docs/engine.md.
#pragma once

#include <bit>
#include <cstring>
#include <span>

#include "proto/format/model_layout.h"
#include "proto/format/operators.h"

namespace godwit::engine {

/// Of the arena, scratch and packed memory that kernels get, and of each step's packed part.
constexpr size_t kMemoryAlignment = 64;
/// So many bytes before and after the arena may be read, never written: vectors may reach past a
/// tensor's ends.
constexpr size_t kArenaMargin = 64;

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
  proto::TensorType type{};
  proto::Place place{};

  auto int8() const { return as<int8_t>(); }
  auto uint8() const { return data; }
  /// Values in the arena and of state are in the processor's order and aligned to 16 bytes.
  /// Constants are little-endian and lie anywhere: read those by `constant`.
  auto int16() const { return as<int16_t>(); }
  auto int32() const { return as<int32_t>(); }
  template <typename T>
  auto constant(size_t i) const -> T {
    T value;
    std::memcpy(&value, data + sizeof(T) * i, sizeof(T));
    if constexpr (std::endian::native == std::endian::little) return value;
    if constexpr (sizeof(T) == 2)
      return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
    if constexpr (sizeof(T) == 4)
      return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
    if constexpr (sizeof(T) == 8)
      return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
    return value;
  }

 private:
  template <typename T>
  auto as() const {
    return reinterpret_cast<std::conditional_t<std::is_const_v<Byte>, T const, T>*>(data);
  }
};

using Input = Operand<uint8_t const>;
using Output = Operand<uint8_t>;

/// One output channel of a matrix operator.
struct Channel {
  int32_t bias;
  proto::Multiplier multiplier;
};

/// The channels of a matrix operator, read from the model as they are asked for.
class Channels {
 public:
  Channels(Input const& bias, Input const& values, Input const& shifts)
      : bias_(bias.data),
        values_(values.data),
        shifts_(shifts.int8()),
        size_(static_cast<size_t>(bias.shape.elements)) {}

  auto size() const -> size_t { return size_; }
  auto operator[](size_t i) const -> Channel {
    return {word(bias_, i), {word(values_, i), shifts_[i]}};
  }

 private:
  static auto word(uint8_t const* words, size_t i) -> int32_t {
    int32_t value;
    std::memcpy(&value, words + sizeof(value) * i, sizeof(value));
    if constexpr (std::endian::native == std::endian::little) return value;
    return static_cast<int32_t>(__builtin_bswap32(static_cast<uint32_t>(value)));
  }
  uint8_t const* bias_;
  uint8_t const* values_;
  int8_t const* shifts_;
  size_t size_;
};

/// Some lines of a step's output, made without the others: parts may run at the same time.
struct Part {
  int32_t index = 0;
  int32_t count = 1;

  auto begin(int32_t lines) const -> int32_t { return at(lines, index); }
  auto end(int32_t lines) const -> int32_t { return at(lines, index + 1); }

 private:
  auto at(int32_t lines, int32_t i) const -> int32_t {
    return static_cast<int32_t>(int64_t{lines} * i / count);
  }
};

/// One operator, ready to run.
struct Step {
  proto::Operator op;
  std::span<Input const> inputs;
  std::span<Output const> outputs;
  uint8_t const* packed = nullptr;  // what the kernel packed when the model was loaded
  void (*run)(Step const& step, void* scratch) = nullptr;
  void (*run_part)(Step const& step, void* scratch, Part part) = nullptr;
  Step const* sum = nullptr;  // the next step, if it adds to this one's lines as they are made

  auto output() const -> Output const& { return outputs[0]; }
  /// Inputs 2, 3 and 4 of a matrix operator: bias, multipliers and shifts.
  auto channels() const -> Channels { return {inputs[2], inputs[3], inputs[4]}; }
  /// Input `i`, which lies in the state region: the only kind of input that a kernel may write.
  auto state(size_t i) const -> Output {
    auto const& input = inputs[i];
    return {const_cast<uint8_t*>(input.data),
            input.shape,
            input.zero_point,
            input.size_bytes,
            input.type,
            input.place};
  }
};

/// Whether a step writes where it reads its first input.
inline auto lies_over_input(Step const& step) -> bool {
  auto const& in = step.inputs[0];
  auto const& out = step.output();
  return in.place == out.place && in.data < out.data + out.size_bytes &&
         out.data < in.data + in.size_bytes;
}

/// While a kernel is asked `fits`, `packed_bytes` and `scratch_bytes`, the data of operands in the
/// arena and of state is not there yet: it may look at their addresses (they lie as they will, but
/// for where the memory begins), at shapes, parameters and constants.
struct Kernel {
  proto::Opcode code;
  void (*run)(Step const& step, void* scratch);
  /// How much scratch memory a run needs; it holds nothing between runs. nullptr: none.
  uint64_t (*scratch_bytes)(Step const& step) = nullptr;
  /// How much `pack` writes. nullptr: nothing is packed.
  uint64_t (*packed_bytes)(Step const& step) = nullptr;
  /// Brings weights, biases and multipliers into the processor's order, when the model is loaded.
  void (*pack)(Step const& step, uint8_t* packed) = nullptr;
  /// Whether it can run this step; where it cannot, the next path can. nullptr: it always can.
  bool (*fits)(Step const& step) = nullptr;
  /// Bit `i`: `pack` takes input `i`, a constant, over whole, and `run` reads it no more.
  uint32_t packs_inputs = 0;
  /// Runs one part, with scratch memory of its own; the input is not where the output is. nullptr:
  /// it cannot be cut.
  void (*run_part)(Step const& step, void* scratch, Part part) = nullptr;
};
constexpr uint32_t kPacksWeights = 1u << 1;  // of matrix operators

/// The kernels of an instruction set.
struct Path {
  char const* name;
  bool (*runs_here)();
  std::span<Kernel const> kernels;
  // What kernels are also asked whether they fit: steps that round once, and weights with a zero
  // point.
  bool rounds_once = false;
  bool shifts_weights = false;
};

/// Every path that this build has, the fastest first. The last is `kPortable`, which runs
/// everywhere and has a kernel for every operator that fits every step.
auto paths() -> std::span<Path const* const>;
extern Path const kPortable;

}  // namespace godwit::engine
