#include "agent/engine/engine.h"

#include <algorithm>
#include <map>
#include <new>

#include "agent/engine/golden.h"
#include "agent/engine/kept.h"

namespace godwit::engine {

static_assert(kEngineVersion == proto::kModelFormatVersion);

namespace {

auto info_of(proto::Tensor const& tensor) -> TensorInfo {
  return {.name = std::string(tensor.name),
          .type = std::string(to_string(tensor.type)),
          .shape = {tensor.shape.begin(), tensor.shape.begin() + tensor.rank},
          .scale = tensor.scale_count ? tensor.scale() : 0,
          .zero_point = tensor.zero_point,
          .size_bytes = tensor.size_bytes};
}

/// Memory that may be large: running out of it is an error, not the end of the process.
auto take_memory(EngineOptions const& options, uint64_t size_bytes)
    -> Result<std::shared_ptr<uint8_t>> {
  constexpr std::align_val_t kAlignment{kMemoryAlignment};
  std::shared_ptr<uint8_t> block;
  if (size_bytes <= SIZE_MAX && options.take_memory) {
    block = options.take_memory(static_cast<size_t>(size_bytes));
  } else if (size_bytes <= SIZE_MAX) {
    auto* const place = new (kAlignment, std::nothrow) uint8_t[static_cast<size_t>(size_bytes)];
    block.reset(place,
                [](uint8_t* bytes) { operator delete[](bytes, std::align_val_t{kAlignment}); });
  }
  if (!block) return internal("not enough memory to run the model");
  CHECK(reinterpret_cast<uintptr_t>(block.get()) % kMemoryAlignment == 0);
  return block;
}

auto refused(Status status, EngineOptions const& options) -> Error {
  if (status == Status::too_large) return corrupt(to_string(status));
  std::string names;
  for (auto const& name : path_names()) names += (names.empty() ? "" : ", ") + name;
  return invalid("engine path \"" + std::string(options.path) + "\": " + to_string(status) +
                 "; it has " + names);
}

}  // namespace

struct Engine::State {
  std::shared_ptr<uint8_t> block;
  std::shared_ptr<uint8_t> crew_block;
  Crew crew;
  size_t memory_bytes = 0;
  Choice choice;
  Sha256 model_sha256;
  ByteView packed;
  bool kept = false;
  Program program;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::vector<Output> input_places;
  std::vector<Output> output_places;
  size_t input_bytes = 0;
  size_t output_bytes = 0;

  void run() const { crew.size > 1 ? program.run(crew, crew_block.get()) : program.run(); }
  void list_tensors() {
    auto const& model = program.model();
    for (uint32_t i = 0; i < model.input_count(); ++i) {
      inputs.push_back(info_of(model.tensor(i)));
      input_places.push_back(program.input(i));
      input_bytes += inputs.back().size_bytes;
    }
    for (uint32_t i = 0; i < model.output_count(); ++i) {
      outputs.push_back(info_of(model.tensor(model.output(i))));
      output_places.push_back(program.output(i));
      output_bytes += outputs.back().size_bytes;
    }
  }
};

auto path_names() -> std::vector<std::string> {
  std::vector<std::string> names;
  for (auto const* path : paths()) names.emplace_back(path->name);
  return names;
}

auto check_options(EngineOptions const& options) -> Result<> {
  if (options.crew.size > kCrewMax) return invalid("more threads than the engine uses");
  auto const status = choose_path(options.path).status;
  return status == Status::good ? Result<>() : refused(status, options);
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
auto Engine::operator=(Engine&&) noexcept -> Engine& = default;

auto Engine::load(ByteView model, EngineOptions const& options) -> Result<Engine> {
  TRY(auto const view, proto::parse_model(model).within("compiled model"));
  if (auto checked = check_options(options); !checked) return checked.error();
  auto const choice = choose_path(options.path);
  auto const measured = measure(view, choice);
  if (measured.status != Status::good) return refused(measured.status, options);
  auto state = std::make_unique<State>();
  auto sizes = measured.sizes;
  auto const packed =
      packed_in(options.kept, options.model_sha256, choice, measured.sizes.packed_bytes);
  if (!packed.empty()) sizes.packed_bytes = 0;
  TRY(state->block, take_memory(options, sizes.total()));
  state->memory_bytes = static_cast<size_t>(sizes.total());
  auto memory = Memory::in(state->block.get(), sizes);
  memory.zeros = static_cast<bool>(options.take_memory);
  // Only read: Packing::done.
  if (!packed.empty()) memory.packed = const_cast<uint8_t*>(packed.data());
  state->program = Program(view, choice, memory, packed.empty() ? Packing::wanted : Packing::done);
  state->choice = choice;
  state->model_sha256 = options.model_sha256;
  state->packed = {memory.packed, static_cast<size_t>(measured.sizes.packed_bytes)};
  state->kept = !packed.empty();
  state->crew = options.crew;
  if (auto const crew_bytes = state->program.crew_bytes(options.crew.size)) {
    TRY(state->crew_block, take_memory(options, crew_bytes));
    state->memory_bytes += static_cast<size_t>(crew_bytes);
  }
  state->list_tensors();
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
  return state_->program.model().arena_bytes();
}
auto Engine::state_bytes() const -> size_t {
  return state_->program.state().size();
}
auto Engine::memory_bytes() const -> size_t {
  return state_->memory_bytes;
}
auto Engine::unread() const -> std::vector<ByteView> {
  // Constants lie at multiples of 16, and several may name the same bytes.
  constexpr size_t kUnit = 16;
  auto const& model = state_->program.model();
  std::vector<bool> read(model.constants().size() / kUnit + 1);
  std::map<uint32_t, ByteView> packed;  // by offset
  auto const steps = state_->program.steps();
  for (uint32_t i = 0; i < steps.size(); ++i)
    for (uint32_t input = 0; input < steps[i].inputs.size(); ++input) {
      auto const tensor = model.tensor(model.op(i).input(input));
      if (tensor.place != proto::Place::constant) continue;
      if (!steps[i].inputs[input].data)
        packed[tensor.offset] = model.constants().subspan(tensor.offset, tensor.size_bytes);
      else
        for (size_t at = tensor.offset; at < tensor.offset + tensor.size_bytes; at += kUnit)
          read[at / kUnit] = true;
    }
  std::vector<ByteView> unread;
  for (auto const& [offset, bytes] : packed) {
    bool touched = false;
    for (size_t at = offset; at < offset + bytes.size(); at += kUnit) touched |= read[at / kUnit];
    if (!touched) unread.push_back(bytes);
  }
  return unread;
}
auto Engine::packed() const -> ByteView {
  return state_->packed;
}
auto Engine::kept_head() const -> Bytes {
  return engine::kept_head(state_->model_sha256, state_->choice);
}
auto Engine::kept() const -> bool {
  return state_->kept;
}
auto Engine::path() const -> std::string_view {
  return state_->program.path();
}

void Engine::run(ByteView input, std::span<uint8_t> output) {
  CHECK(input.size() == state_->input_bytes && output.size() == state_->output_bytes);
  for (auto const& place : state_->input_places) {
    copy_little_endian(place.data, input.data(), place.size_bytes, place.type);
    input = input.subspan(place.size_bytes);
  }
  state_->run();
  for (auto const& place : state_->output_places) {
    copy_little_endian(output.data(), place.data, place.size_bytes, place.type);
    output = output.subspan(place.size_bytes);
  }
}

void Engine::reset_state() {
  state_->program.reset_state();
}
auto Engine::state() const -> ByteView {
  return state_->program.state();
}
void Engine::restore_state(ByteView state) {
  auto const place = state_->program.state();
  CHECK(state.size() == place.size());
  std::copy(state.begin(), state.end(), place.begin());
}

auto Engine::take_state(Engine const& from) -> bool {
  return state_->program.take_state(from.state_->program);
}

auto golden_hash(Engine& engine, uint64_t seed, uint32_t rows) -> Sha256 {
  return golden_hash(engine.state_->program, seed, rows);
}

auto check_golden(ByteView model, EngineOptions const& options) -> Result<> {
  TRY(auto const engine, Engine::load(model, options));
  auto const status = check_golden(engine.state_->program);
  return status == Status::good ? Result<>() : corrupt(to_string(status));
}

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
