#include "agent/engine/program.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "agent/engine/sum_lines.h"

namespace godwit::engine {

namespace {

/// Bounds what a small but hostile model can ask for beside its arena.
constexpr uint64_t kScratchBytesMax = 64u << 20;
constexpr uint64_t kPackedBytesMax = 1u << 30;

constexpr auto aligned(uint64_t size_bytes) -> uint64_t {
  return (size_bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

auto shape_of(proto::Tensor const& tensor) -> Shape {
  Shape shape;
  for (size_t d = 0; d < tensor.shape.size(); ++d)
    shape.extent[d] = static_cast<int32_t>(tensor.shape[d]);
  shape.rank = static_cast<int32_t>(tensor.rank);
  shape.elements = static_cast<int32_t>(tensor.elements);
  return shape;
}

struct Places {
  ByteView constants;
  uint8_t* arena;
  uint8_t* state;

  auto output(proto::Tensor const& tensor) const -> Output {
    return {arena + tensor.offset, shape_of(tensor), tensor.zero_point,
            tensor.size_bytes,     tensor.type,      tensor.place};
  }
  auto input(proto::Tensor const& tensor) const -> Input {
    return {place(tensor),     shape_of(tensor), tensor.zero_point,
            tensor.size_bytes, tensor.type,      tensor.place};
  }

 private:
  auto place(proto::Tensor const& tensor) const -> uint8_t const* {
    switch (tensor.place) {
      case proto::Place::arena:
        return arena + tensor.offset;
      case proto::Place::state:
        return state + tensor.offset;
      case proto::Place::constant:
        break;
    }
    return constants.data() + tensor.offset;
  }
};

/// Fills the operands of an operator and a step that names them.
auto make_step(proto::ModelView const& model, proto::Operator const& op, Places const& places,
               Input* inputs, Output* outputs) -> Step {
  for (uint32_t i = 0; i < op.input_count(); ++i)
    new (inputs + i) Input(places.input(model.tensor(op.input(i))));
  for (uint32_t i = 0; i < op.output_count(); ++i)
    new (outputs + i) Output(places.output(model.tensor(op.output(i))));
  return {op, {inputs, op.input_count()}, {outputs, op.output_count()}};
}

auto is_wide(Step const& step) -> bool {
  return !step.outputs.empty() && step.output().type == proto::TensorType::int16;
}

/// Whether a path may run it at all. The portable one alone computes with int16.
auto is_known(Path const& path, Step const& step) -> bool {
  if (step.op.rounding() == proto::Rounding::once && !path.rounds_once) return false;
  if (is_wide(step)) return false;
  switch (step.op.code()) {
    case proto::Opcode::conv_2d:
    case proto::Opcode::depthwise_conv_2d:
    case proto::Opcode::fully_connected:
      return path.shifts_weights || step.inputs[1].zero_point == 0;
    default:
      return true;
  }
}

auto find_kernel(Path const& path, Step const& step) -> Kernel const* {
  if (&path != &kPortable && !is_known(path, step)) return nullptr;
  for (auto const& kernel : path.kernels)
    if (kernel.code == step.op.code() && (!kernel.fits || kernel.fits(step))) return &kernel;
  return nullptr;
}

/// The portable path has a kernel for every operator that parse_model lets pass.
auto find_kernel(Choice const& choice, Step const& step) -> Kernel const& {
  for (auto const* path : choice.paths)
    if (path->runs_here())
      if (auto const* const kernel = find_kernel(*path, step)) return *kernel;
  check_failed("every operator has a portable kernel", __FILE__, __LINE__);
}

auto named(Path const& path, std::string_view name) -> bool {
  for (size_t i = 0; i < name.size(); ++i)
    if (path.name[i] != name[i]) return false;  // also at the end of a shorter name
  return path.name[name.size()] == '\0';
}

auto packed_bytes(Kernel const& kernel, Step const& step) -> uint64_t {
  return kernel.packed_bytes ? aligned(kernel.packed_bytes(step)) : 0;
}

auto scratch_bytes(Kernel const& kernel, Step const& step) -> uint64_t {
  return kernel.scratch_bytes ? kernel.scratch_bytes(step) : 0;
}

/// The state tensors of a model, in order.
class States {
 public:
  explicit States(proto::ModelView const& model) : model_(model) {}
  /// False after the last.
  auto next(proto::Tensor& tensor) -> bool {
    while (index_ < model_.tensor_count()) {
      tensor = model_.tensor(index_++);
      if (tensor.place == proto::Place::state) return true;
    }
    return false;
  }

 private:
  proto::ModelView const& model_;
  uint32_t index_ = 0;
};

auto means_the_same(proto::Tensor const& a, proto::Tensor const& b) -> bool {
  if (a.type != b.type || a.rank != b.rank || a.zero_point != b.zero_point ||
      a.scale_count != b.scale_count)
    return false;
  for (size_t d = 0; d < a.shape.size(); ++d)
    if (a.shape[d] != b.shape[d]) return false;
  for (size_t i = 0; i < a.scale_bits.size(); ++i)
    if (a.scale_bits[i] != b.scale_bits[i]) return false;
  return true;
}

auto state_means_the_same(proto::ModelView const& a, proto::ModelView const& b) -> bool {
  States of_a(a);
  States of_b(b);
  proto::Tensor one;
  proto::Tensor other;
  for (;;) {
    bool const more = of_a.next(one);
    if (more != of_b.next(other)) return false;
    if (!more) return true;
    if (!means_the_same(one, other)) return false;
  }
}

struct Counts {
  uint64_t inputs = 0;
  uint64_t outputs = 0;
};

auto count_operands(proto::ModelView const& model) -> Counts {
  Counts counts;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    counts.inputs += model.op(i).input_count();
    counts.outputs += model.op(i).output_count();
  }
  return counts;
}

auto arena_in(uint8_t* work) -> uint8_t* {
  return work + kArenaMargin;
}

auto scratch_offset(proto::ModelView const& model) -> uint64_t {
  return kArenaMargin + aligned(model.arena_bytes() + kArenaMargin);
}

}  // namespace

auto to_string(Status status) -> char const* {
  switch (status) {
    case Status::good:
      return "good";
    case Status::unknown_path:
      return "the engine has no such path";
    case Status::path_not_here:
      return "this processor cannot run that path";
    case Status::too_large:
      return "an operator needs too much memory";
    case Status::no_golden:
      return "the model holds no golden outputs";
    case Status::golden_differs:
      return "the golden outputs differ: this model does not compute here what it computed when it "
             "was compiled";
  }
  return "unknown";
}

auto choose_path(std::string_view name) -> Choice {
  auto const all = paths();
  for (size_t i = 0; i < all.size(); ++i) {
    if (!name.empty() && !named(*all[i], name)) continue;
    if (all[i]->runs_here()) return {Status::good, all.subspan(i)};
    if (!name.empty()) return {Status::path_not_here, {}};
  }
  return {Status::unknown_path, {}};
}

auto measure(proto::ModelView const& model, Choice const& choice) -> Measure {
  // Kernels look at addresses only to tell how operands lie to each other, so that any will do.
  alignas(kMemoryAlignment) static uint8_t nowhere[1];
  Places const places{model.constants(), nowhere, nowhere};
  std::array<Input, proto::kOperandsMax> inputs;
  std::array<Output, proto::kOperandsMax> outputs;
  Sizes sizes;
  uint64_t scratch = 0;
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    auto const step = make_step(model, model.op(i), places, inputs.data(), outputs.data());
    auto const& kernel = find_kernel(choice, step);
    scratch = std::max(scratch, scratch_bytes(kernel, step));
    sizes.packed_bytes += packed_bytes(kernel, step);
    if (scratch > kScratchBytesMax || sizes.packed_bytes > kPackedBytesMax)
      return {Status::too_large, {}};
  }
  auto const counts = count_operands(model);
  sizes.tables_bytes = aligned(model.operator_count() * sizeof(Step) +
                               counts.inputs * sizeof(Input) + counts.outputs * sizeof(Output));
  sizes.state_bytes = aligned(model.state_bytes());
  sizes.work_bytes = scratch_offset(model) + aligned(scratch);
  return {Status::good, sizes};
}

void copy_little_endian(uint8_t* to, uint8_t const* from, size_t size_bytes,
                        proto::TensorType type) {
  if (to != from) std::memcpy(to, from, size_bytes);
  auto const width = proto::element_bytes(type);
  if (std::endian::native == std::endian::little || width == 1) return;
  for (size_t i = 0; i < size_bytes; i += width) std::reverse(to + i, to + i + width);
}

auto Memory::in(uint8_t* block, Sizes const& sizes) -> Memory {
  Memory memory;
  memory.tables = block;
  memory.packed = memory.tables + sizes.tables_bytes;
  memory.state = memory.packed + sizes.packed_bytes;
  memory.work = memory.state + sizes.state_bytes;
  return memory;
}

Program::Program(proto::ModelView const& model, Choice const& choice, Memory const& memory,
                 Packing packing)
    : model_(model),
      memory_(memory),
      path_(choice.paths.front()->name),
      scratch_(memory.work + scratch_offset(model)) {
  static_assert(alignof(Step) == alignof(Input) && alignof(Step) == alignof(Output));
  auto const counts = count_operands(model);
  auto* const steps = reinterpret_cast<Step*>(memory.tables);
  auto* inputs = reinterpret_cast<Input*>(memory.tables + model.operator_count() * sizeof(Step));
  auto* outputs = reinterpret_cast<Output*>(inputs + counts.inputs);
  uint8_t* packed = memory.packed;
  Places const places{model.constants(), arena_in(memory.work), memory.state};
  for (uint32_t i = 0; i < model.operator_count(); ++i) {
    auto step = make_step(model, model.op(i), places, inputs, outputs);
    auto const& kernel = find_kernel(choice, step);
    step.run = kernel.run;
    if (kernel.run_part && !is_wide(step)) {
      step.run_part = kernel.run_part;
      part_bytes_ = std::max(part_bytes_, aligned(scratch_bytes(kernel, step)));
      if (lies_over_input(step))
        spare_bytes_ = std::max(spare_bytes_, aligned(step.inputs[0].size_bytes));
    }
    if (auto const size_bytes = packed_bytes(kernel, step)) {
      if (packing == Packing::wanted) kernel.pack(step, packed);
      step.packed = packed;
      packed += size_bytes;
      // Whoever reads them all the same is found out.
      for (uint32_t input = 0; input < step.inputs.size(); ++input)
        if (kernel.packs_inputs >> input & 1) inputs[input].data = nullptr;
    }
    inputs += step.inputs.size();
    outputs += step.outputs.size();
    new (steps + i) Step(step);
  }
  steps_ = {steps, model.operator_count()};
  for (size_t i = 1; i < steps_.size(); ++i)
    if (adds_by_lines(steps[i - 1], steps[i])) steps[i - 1].sum = &steps[i];
  if (!memory.zeros) std::memset(memory.work, 0, scratch_offset(model));
  reset_state();
}

void Program::run() const {
  for (size_t i = 0; i < steps_.size(); ++i) {
    auto const& step = steps_[i];
    if (!step.sum) {
      step.run(step, scratch_);
      continue;
    }
    int32_t const parts = parts_in_cache(step);
    for (int32_t part = 0; part < parts; ++part) run_summed(step, scratch_, {part, parts});
    ++i;
  }
}

auto Program::activation(uint32_t tensor) const -> Output {
  return Places{{}, arena_in(memory_.work), nullptr}.output(model_.tensor(tensor));
}

void Program::reset_state() const {
  if (model_.state_bytes() == 0) return;
  std::memset(memory_.state, 0, model_.state_bytes());
  States states(model_);
  for (proto::Tensor tensor; states.next(tensor);)
    if (proto::element_bytes(tensor.type) == 1)
      std::memset(memory_.state + tensor.offset, tensor.zero_point & 0xff, tensor.size_bytes);
}

auto Program::take_state(Program const& from) const -> bool {
  if (!state_means_the_same(model_, from.model_)) return false;
  States theirs(from.model_);
  States ours(model_);
  for (proto::Tensor source, target; theirs.next(source) && ours.next(target);)
    std::memcpy(memory_.state + target.offset, from.memory_.state + source.offset,
                target.size_bytes);
  return true;
}

}  // namespace godwit::engine
