// Running a program's large layers in parts, on threads of the caller's: each part makes some lines
// of the output. Where the output lies over the input, the input is put aside first.
#include <algorithm>
#include <cstring>

#include "agent/engine/program.h"
#include "agent/engine/sum_lines.h"

namespace godwit::engine {

namespace {

/// What all parts of one step share.
struct Work {
  Step const& step;
  uint32_t count;
  uint8_t* first_scratch;
  uint8_t* scratch;  // of the other parts, one after another
  uint64_t scratch_bytes;
  uint8_t* aside;  // where the input is put, or nullptr
};

/// Multiply-adds of a convolution.
auto products(Step const& step) -> int64_t {
  auto const& weights = step.inputs[1].shape;
  auto const& out = step.output().shape;
  return int64_t{out.elements} * (weights.elements / out[3]);
}

auto part_of(Work const& work, uint32_t index) -> Part {
  return {static_cast<int32_t>(index), static_cast<int32_t>(work.count)};
}

void put_aside(void* context, uint32_t index) {
  auto const& work = *static_cast<Work const*>(context);
  auto const& input = work.step.inputs[0];
  auto const part = part_of(work, index);
  auto const size = static_cast<int32_t>(input.size_bytes);
  auto const begin = part.begin(size);
  std::memcpy(work.aside + begin, input.data + begin, static_cast<size_t>(part.end(size) - begin));
}

void run_part(void* context, uint32_t index) {
  auto const& work = *static_cast<Work const*>(context);
  auto* const scratch =
      index == 0 ? work.first_scratch : work.scratch + (index - 1) * work.scratch_bytes;
  auto const run = work.step.sum ? run_summed : work.step.run_part;
  if (!work.aside) return run(work.step, scratch, part_of(work, index));
  std::array<Input, proto::kOperandsMax> inputs;
  std::copy(work.step.inputs.begin(), work.step.inputs.end(), inputs.begin());
  inputs[0].data = work.aside;
  Step step = work.step;
  step.inputs = {inputs.data(), work.step.inputs.size()};
  run(step, scratch, part_of(work, index));
}

}  // namespace

auto Program::crew_bytes(uint32_t size) const -> uint64_t {
  if (size <= 1) return 0;
  return (size - 1) * part_bytes_ + (spare_bytes_ ? spare_bytes_ + 2 * kArenaMargin : 0);
}

void Program::run(Crew const& crew, uint8_t* memory) const {
  for (size_t i = 0; i < steps_.size(); ++i) {
    auto const& step = steps_[i];
    if (crew.size <= 1 || !step.run_part || products(step) < crew.products_least) {
      step.run(step, scratch_);
      continue;
    }
    Work work{step, crew.size, static_cast<uint8_t*>(scratch_), memory, part_bytes_, nullptr};
    if (lies_over_input(step)) {
      work.aside = memory + (crew.size - 1) * part_bytes_ + kArenaMargin;
      crew.together(crew.context, put_aside, &work);
    }
    crew.together(crew.context, run_part, &work);
    if (step.sum) ++i;
  }
}

}  // namespace godwit::engine
