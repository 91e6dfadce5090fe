// REARRANGE: every output value is an input value from somewhere else, or a filler. For each axis
// of the output a table says how far each index moves in the input; the sum over all axes is the
// place. CONCATENATION: inputs side by side.
#include <cstring>

#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

constexpr int32_t kOutside = -1;

template <typename T>
struct Rearrange {
  Shape const& shape;
  std::array<int32_t const*, proto::kTensorRankMax> tables;
  T const* input;
  T filler;
  bool solid;   // along the last axis neighbours lie side by side
  bool inside;  // it has no fillers

  void line(ptrdiff_t from, T*& to) const {
    auto const last = static_cast<size_t>(shape.rank - 1);
    auto const* const table = tables[last];
    int32_t const count = shape[last];
    if (solid) {
      std::memmove(to, input + from + table[0], sizeof(T) * static_cast<size_t>(count));
    } else if (inside) {
      T const* const line = input + from;
      for (int32_t i = 0; i < count; ++i) to[i] = line[table[i]];
    } else {
      for (int32_t i = 0; i < count; ++i)
        to[i] = table[i] == kOutside ? filler : input[from + table[i]];
    }
    to += count;
  }

  void fill(size_t axis, T*& to) const {
    int32_t count = 1;
    for (auto d = axis; d < static_cast<size_t>(shape.rank); ++d) count *= shape[d];
    for (int32_t i = 0; i < count; ++i) *to++ = filler;
  }

  /// The output from `axis` inwards; recursion ends at the last axis, six levels deep at most.
  void walk(size_t axis, ptrdiff_t from, T*& to) const {
    if (axis + 1 == static_cast<size_t>(shape.rank)) return line(from, to);
    for (int32_t i = 0; i < shape[axis]; ++i) {
      if (tables[axis][i] == kOutside)
        fill(axis + 1, to);
      else
        walk(axis + 1, from + tables[axis][i], to);
    }
  }
};

template <typename T>
void rearrange_of(Step const& step, int32_t* words) {
  auto const& shape = step.output().shape;
  auto const& table = step.inputs[1];
  if constexpr (std::endian::native == std::endian::little)
    std::memcpy(words, table.data, table.size_bytes);
  else
    for (size_t i = 0; i < static_cast<size_t>(table.shape.elements); ++i)
      words[i] = table.constant<int32_t>(i);
  Rearrange<T> whole{shape,
                     {},
                     reinterpret_cast<T const*>(step.inputs[0].data),
                     static_cast<T>(step.op.params<proto::RearrangeParams>().filler),
                     true,
                     true};
  for (size_t d = 0; d < static_cast<size_t>(shape.rank); ++d) {
    whole.tables[d] = words;
    words += shape[d];
  }
  auto const last = static_cast<size_t>(shape.rank - 1);
  auto const* const row = whole.tables[last];
  for (int32_t i = 0; i < shape[last]; ++i) {
    whole.inside &= row[i] != kOutside;
    whole.solid &= row[0] != kOutside && row[i] == row[0] + i;
  }
  T* to = reinterpret_cast<T*>(step.output().data);
  whole.walk(0, 0, to);
}

}  // namespace

auto rearrange_scratch(Step const& step) -> uint64_t {
  return sizeof(int32_t) * static_cast<uint64_t>(step.inputs[1].shape.elements);
}

void rearrange(Step const& step, void* scratch) {
  auto* const words = static_cast<int32_t*>(scratch);
  switch (proto::element_bytes(step.output().type)) {
    case 1:
      return rearrange_of<uint8_t>(step, words);
    case 2:
      return rearrange_of<uint16_t>(step, words);
    default:
      return rearrange_of<uint32_t>(step, words);
  }
}

void concatenation(Step const& step, void*) {
  auto const outer = static_cast<uint32_t>(step.op.params<proto::ConcatenationParams>().outer);
  uint8_t* to = step.output().data;
  for (uint32_t row = 0; row < outer; ++row)
    for (auto const& input : step.inputs) {
      size_t const size = input.size_bytes / outer;
      std::memmove(to, input.data + row * size, size);  // A hostile plan lays it over the output.
      to += size;
    }
}

}  // namespace godwit::engine
