#include "agent/engine/sum_lines.h"

#include <algorithm>

namespace godwit::engine {

namespace {

// Of a part's output: beside as much to add it stays in the cache behind the first, and kernels
// that change weights for each part lose less than they gain.
constexpr int32_t kCacheBytes = 65536;
constexpr int32_t kLinesTogether = 4;  // that kernels make at once: parts cut none of these

template <typename Byte>
auto lies_apart(Operand<Byte> const& in, Output const& out) -> bool {
  return in.place != out.place || in.data + in.size_bytes <= out.data ||
         out.data + out.size_bytes <= in.data;
}

template <typename Byte>
auto is_same_place(Operand<Byte> const& in, Output const& out) -> bool {
  return in.place == out.place && in.data == out.data;
}

/// An operand's bytes that are lines [begin, end) of `lines`, as a row of values.
template <typename Byte>
auto cut(Operand<Byte> operand, Part part, int32_t lines) -> Operand<Byte> {
  int32_t const line = operand.shape.elements / lines;
  operand.data += ptrdiff_t{part.begin(lines)} * line;
  int32_t const size = (part.end(lines) - part.begin(lines)) * line;
  operand.shape = {{size, 1, 1, 1, 1, 1}, 1, size};
  operand.size_bytes = static_cast<uint32_t>(size);
  return operand;
}

}  // namespace

auto adds_by_lines(Step const& conv, Step const& add) -> bool {
  auto const& made = conv.output();
  auto const& sum = add.output();
  if (!conv.run_part || add.op.code() != proto::Opcode::add || made.shape[0] != 1) return false;
  if (!is_same_place(sum, made) && !(lies_apart(conv.inputs[0], sum) && lies_apart(made, sum)))
    return false;
  bool takes_it = false;
  for (auto const& in : add.inputs) {
    if (in.type != proto::TensorType::int8 || in.shape.elements != made.shape.elements)
      return false;
    if (!is_same_place(in, sum) && !lies_apart(in, sum)) return false;
    takes_it |= is_same_place(in, made);
  }
  return takes_it && sum.shape.elements == made.shape.elements;
}

auto parts_in_cache(Step const& conv) -> int32_t {
  auto const& out = conv.output().shape;
  if (out[1] % kLinesTogether) return 1;
  int32_t const groups = out[1] / kLinesTogether;
  int32_t parts = std::min((out.elements + kCacheBytes - 1) / kCacheBytes, groups);
  while (groups % parts) ++parts;
  return parts;
}

void run_summed(Step const& conv, void* scratch, Part part) {
  conv.run_part(conv, scratch, part);
  auto const& add = *conv.sum;
  int32_t const lines = conv.output().shape[1];
  if (part.begin(lines) == part.end(lines)) return;
  std::array const inputs{cut(add.inputs[0], part, lines), cut(add.inputs[1], part, lines)};
  std::array const outputs{cut(add.output(), part, lines)};
  Step some = add;
  some.inputs = inputs;
  some.outputs = outputs;
  add.run(some, nullptr);
}

}  // namespace godwit::engine
