#include "agent/engine/engine.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

/// Bounds what a small but hostile model can make a device allocate beside its arena.
constexpr uint64_t kScratchBytesMax = 64u << 20;

auto shape_of(proto::Tensor const& tensor) -> Shape {
  Shape shape;
  for (size_t d = 0; d < tensor.shape.size(); ++d)
    shape.extent[d] = static_cast<int32_t>(tensor.shape[d]);
  shape.rank = static_cast<int32_t>(tensor.rank);
  shape.elements = static_cast<int32_t>(tensor.elements);
  return shape;
}

auto info_of(proto::Tensor const& tensor) -> TensorInfo {
  return {.name = std::string(tensor.name),
          .type = std::string(to_string(tensor.type)),
          .shape = {tensor.shape.begin(), tensor.shape.begin() + tensor.rank},
          .scale = tensor.scale_count ? tensor.scale() : 0,
          .zero_point = tensor.zero_point,
          .size_bytes = tensor.size_bytes};
}

auto little32(ByteView bytes, size_t i) -> int32_t {
  uint32_t value = 0;
  for (size_t k = 4; k-- > 0;) value = value << 8 | bytes[4 * i + k];
  return static_cast<int32_t>(value);
}

/// Memory that may be large: running out of it is an error, not the end of the process.
struct Memory {
  static auto take(uint64_t size_bytes) -> Result<Memory> {
    Memory memory;
    memory.bytes.reset(new (std::align_val_t{64}, std::nothrow) uint8_t[size_bytes]());
    if (!memory.bytes) return internal("not enough memory to run the model");
    return memory;
  }
  struct Free {
    void operator()(uint8_t* bytes) const { operator delete[](bytes, std::align_val_t{64}); }
  };
  std::unique_ptr<uint8_t[], Free> bytes;
};

}  // namespace

struct Engine::State {
  proto::ModelView model;
  Memory arena;
  Memory scratch;
  std::vector<Channel> channels;
  std::vector<Step> steps;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::vector<std::span<uint8_t>> input_places;
  std::vector<ByteView> output_places;
  size_t input_bytes = 0;
  size_t output_bytes = 0;
  size_t scratch_bytes = 0;

  auto place(proto::Tensor const& tensor) const -> uint8_t const* {
    return tensor.place == proto::Place::arena ? arena.bytes.get() + tensor.offset
                                               : model.constants().data() + tensor.offset;
  }

  auto input_operand(uint32_t index) const -> Operand<uint8_t const> {
    auto const tensor = model.tensor(index);
    return {place(tensor), shape_of(tensor), tensor.zero_point, tensor.size_bytes};
  }

  auto output_operand(uint32_t index) const -> Operand<uint8_t> {
    auto const tensor = model.tensor(index);
    return {arena.bytes.get() + tensor.offset, shape_of(tensor), tensor.zero_point,
            tensor.size_bytes};
  }

  void add_channels(proto::Operator const& op) {
    auto const bias = model.tensor(op.input(2));
    auto const bias_bytes = model.constant(bias);
    auto const values = model.constant(model.tensor(op.input(3)));
    auto const shifts = model.constant(model.tensor(op.input(4)));
    for (size_t i = 0; i < bias.elements; ++i)
      channels.push_back(
          {little32(bias_bytes, i), {little32(values, i), static_cast<int8_t>(shifts[i])}});
  }

  auto add_step(proto::Operator const& op) -> Result<> {
    auto const* const kernel = find_kernel(op.code());
    if (!kernel) return invalid(std::string(to_string(op.code())) + ": no kernel for it");
    Step step;
    step.op = op;
    step.run = kernel->run;
    uint32_t const operands = kernel->has_channels ? 2 : op.input_count();
    for (uint32_t i = 0; i < operands; ++i) step.inputs[i] = input_operand(op.input(i));
    step.output = output_operand(op.output(0));
    if (kernel->has_channels) {
      size_t const before = channels.size();
      add_channels(op);  // Room was reserved: earlier spans stay where they are.
      step.channels = std::span<Channel const>(channels).subspan(before);
    }
    uint64_t const needed = kernel->scratch_bytes(step);
    if (needed > kScratchBytesMax) return corrupt("an operator needs too much scratch memory");
    scratch_bytes = std::max(scratch_bytes, static_cast<size_t>(needed));
    steps.push_back(step);
    return {};
  }

  auto prepare() -> Result<> {
    TRY(arena, Memory::take(model.arena_bytes()));
    size_t channel_count = 0;
    for (uint32_t i = 0; i < model.operator_count(); ++i)
      if (auto const op = model.op(i);
          find_kernel(op.code()) && find_kernel(op.code())->has_channels)
        channel_count += model.tensor(op.input(2)).elements;
    channels.reserve(channel_count);
    steps.reserve(model.operator_count());
    for (uint32_t i = 0; i < model.operator_count(); ++i) TRY_VOID(add_step(model.op(i)));
    TRY(scratch, Memory::take(scratch_bytes));
    for (uint32_t i = 0; i < model.input_count(); ++i) {
      auto const tensor = model.tensor(i);
      inputs.push_back(info_of(tensor));
      input_places.emplace_back(arena.bytes.get() + tensor.offset, tensor.size_bytes);
      input_bytes += tensor.size_bytes;
    }
    for (uint32_t i = 0; i < model.output_count(); ++i) {
      auto const tensor = model.tensor(model.output(i));
      outputs.push_back(info_of(tensor));
      output_places.emplace_back(arena.bytes.get() + tensor.offset, tensor.size_bytes);
      output_bytes += tensor.size_bytes;
    }
    return {};
  }
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
auto Engine::operator=(Engine&&) noexcept -> Engine& = default;

auto Engine::load(ByteView model) -> Result<Engine> {
  TRY(auto view, proto::parse_model(model).within("compiled model"));
  auto state = std::make_unique<State>();
  state->model = view;
  TRY_VOID(state->prepare());
  return Engine(std::move(state));
}

auto Engine::inputs() const -> std::vector<TensorInfo> const& {
  return state_->inputs;
}
auto Engine::outputs() const -> std::vector<TensorInfo> const& {
  return state_->outputs;
}
auto Engine::input_bytes() const -> size_t {
  return state_->input_bytes;
}
auto Engine::output_bytes() const -> size_t {
  return state_->output_bytes;
}
auto Engine::arena_bytes() const -> size_t {
  return state_->model.arena_bytes();
}

void Engine::run(ByteView input, std::span<uint8_t> output) {
  CHECK(input.size() == state_->input_bytes && output.size() == state_->output_bytes);
  for (auto const& place : state_->input_places) {
    std::memcpy(place.data(), input.data(), place.size());
    input = input.subspan(place.size());
  }
  for (auto const& step : state_->steps) step.run(step, state_->scratch.bytes.get());
  for (auto const& place : state_->output_places) {
    std::memcpy(output.data(), place.data(), place.size());
    output = output.subspan(place.size());
  }
}

// No operator of this version keeps state from one row to the next.
void Engine::reset_state() {}

auto argmax(Engine const& engine, ByteView output) -> uint32_t {
  auto const& info = engine.outputs().front();
  auto const values = output.first(info.size_bytes);
  auto const is = [&](std::string_view type) { return info.type == type; };
  size_t const width = is("int32") ? 4 : is("int16") ? 2 : 1;
  auto const value = [&](size_t i) -> int64_t {
    uint64_t bits = 0;
    for (size_t k = width; k-- > 0;) bits = bits << 8 | values[i * width + k];
    if (is("uint8")) return static_cast<int64_t>(bits);
    uint64_t const sign = uint64_t{1} << (8 * width - 1);
    return static_cast<int64_t>(bits ^ sign) - static_cast<int64_t>(sign);
  };
  size_t best = 0;
  for (size_t i = 1; i < values.size() / width; ++i)
    if (value(i) > value(best)) best = i;
  return static_cast<uint32_t>(best);
}

}  // namespace godwit::engine
