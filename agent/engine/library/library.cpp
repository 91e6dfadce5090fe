// The C interface over Program. What it checks, it checks before anything runs.
#include <new>

#include "agent/engine/golden.h"
#include "agent/engine/library/godwit_engine.h"

namespace engine = godwit::engine;
namespace proto = godwit::proto;

struct godwit_engine {
  engine::Program program;
};

namespace {

static_assert(GODWIT_ENGINE_ALIGNMENT == engine::kMemoryAlignment);
static_assert(GODWIT_ENGINE_RANK_MAX == proto::kTensorRankMax);
static_assert(int{GODWIT_ENGINE_INT32} == static_cast<int>(proto::TensorType::int32));

/// The tables begin with the engine itself.
constexpr size_t kEngineBytes = (sizeof(godwit_engine) + engine::kMemoryAlignment - 1) /
                                engine::kMemoryAlignment * engine::kMemoryAlignment;

auto from(engine::Status status) -> godwit_engine_status {
  switch (status) {
    case engine::Status::good:
      return GODWIT_ENGINE_OK;
    case engine::Status::unknown_path:
      return GODWIT_ENGINE_UNKNOWN_PATH;
    case engine::Status::path_not_here:
      return GODWIT_ENGINE_PATH_NOT_HERE;
    case engine::Status::too_large:
      return GODWIT_ENGINE_TOO_LARGE;
    case engine::Status::no_golden:
      return GODWIT_ENGINE_NO_GOLDEN;
    case engine::Status::golden_differs:
      return GODWIT_ENGINE_GOLDEN_DIFFERS;
  }
  return GODWIT_ENGINE_CORRUPT;
}

auto text(char const* words) -> std::string_view {
  size_t size = 0;
  if (words)
    while (words[size] != '\0') ++size;
  return {words, size};
}

struct Request {
  proto::ModelView model;
  engine::Choice choice;
  engine::Sizes sizes;
};

auto read(void const* bytes, size_t size_bytes, char const* path, Request& request)
    -> godwit_engine_status {
  auto const fault =
      proto::parse_model({static_cast<uint8_t const*>(bytes), size_bytes}, request.model);
  if (fault.kind == proto::ModelFault::Kind::newer) return GODWIT_ENGINE_NEWER;
  if (!fault.good()) return GODWIT_ENGINE_CORRUPT;
  request.choice = engine::choose_path(text(path));
  if (request.choice.status != engine::Status::good) return from(request.choice.status);
  auto const measured = engine::measure(request.model, request.choice);
  request.sizes = measured.sizes;
  request.sizes.tables_bytes += kEngineBytes;
  if (request.sizes.total() > SIZE_MAX) return GODWIT_ENGINE_TOO_LARGE;
  return from(measured.status);
}

auto holds(godwit_engine_region const& region, uint64_t size_bytes) -> bool {
  if (size_bytes == 0) return true;
  return region.data && region.size_bytes >= size_bytes &&
         reinterpret_cast<uintptr_t>(region.data) % engine::kMemoryAlignment == 0;
}

auto tensor(proto::Tensor const& info, engine::Output const& place) -> godwit_engine_tensor {
  godwit_engine_tensor out{};
  out.name = info.name.data();
  out.name_bytes = info.name.size();
  out.type = static_cast<godwit_engine_type>(info.type);
  out.rank = info.rank;
  for (uint32_t d = 0; d < info.rank; ++d) out.shape[d] = info.shape[d];
  out.scale = info.scale_count ? info.scale() : 0;
  out.zero_point = info.zero_point;
  out.data = place.data;
  out.size_bytes = info.size_bytes;
  return out;
}

}  // namespace

godwit_engine_status godwit_engine_measure(void const* model, size_t model_bytes, char const* path,
                                           godwit_engine_memory* memory) {
  Request request;
  auto const status = read(model, model_bytes, path, request);
  if (status != GODWIT_ENGINE_OK) return status;
  auto const region = [](uint64_t size_bytes) {
    return godwit_engine_region{nullptr, static_cast<size_t>(size_bytes)};
  };
  *memory = {region(request.sizes.tables_bytes), region(request.sizes.packed_bytes),
             region(request.sizes.state_bytes), region(request.sizes.work_bytes)};
  return GODWIT_ENGINE_OK;
}

godwit_engine_status godwit_engine_load(void const* model, size_t model_bytes, char const* path,
                                        godwit_engine_memory const* memory,
                                        godwit_engine** engine) {
  Request request;
  auto const status = read(model, model_bytes, path, request);
  if (status != GODWIT_ENGINE_OK) return status;
  auto const& sizes = request.sizes;
  if (!holds(memory->tables, sizes.tables_bytes) || !holds(memory->packed, sizes.packed_bytes) ||
      !holds(memory->state, sizes.state_bytes) || !holds(memory->work, sizes.work_bytes))
    return GODWIT_ENGINE_MEMORY;
  auto const bytes = [](godwit_engine_region const& region) {
    return static_cast<uint8_t*>(region.data);
  };
  engine::Memory const places{bytes(memory->tables) + kEngineBytes, bytes(memory->packed),
                              bytes(memory->state), bytes(memory->work)};
  *engine = new (memory->tables.data)
      godwit_engine{engine::Program(request.model, request.choice, places)};
  return GODWIT_ENGINE_OK;
}

char const* godwit_engine_path(godwit_engine const* engine) {
  return engine->program.path();
}

char const* godwit_engine_path_name(size_t index) {
  for (auto const* path : engine::paths())
    if (path->runs_here() && index-- == 0) return path->name;
  return nullptr;
}

uint32_t godwit_engine_input_count(godwit_engine const* engine) {
  return engine->program.model().input_count();
}

uint32_t godwit_engine_output_count(godwit_engine const* engine) {
  return engine->program.model().output_count();
}

godwit_engine_tensor godwit_engine_input(godwit_engine const* engine, uint32_t index) {
  return tensor(engine->program.model().tensor(index), engine->program.input(index));
}

godwit_engine_tensor godwit_engine_output(godwit_engine const* engine, uint32_t index) {
  auto const& model = engine->program.model();
  return tensor(model.tensor(model.output(index)), engine->program.output(index));
}

void godwit_engine_run(godwit_engine const* engine) {
  engine->program.run();
}

size_t godwit_engine_crew_bytes(godwit_engine const* engine, uint32_t size) {
  return static_cast<size_t>(engine->program.crew_bytes(size));
}

godwit_engine_status godwit_engine_run_together(godwit_engine const* engine,
                                                godwit_engine_crew const* crew) {
  if (crew->size == 0 || crew->size > engine::kCrewMax ||
      !holds(crew->memory, engine->program.crew_bytes(crew->size)))
    return GODWIT_ENGINE_MEMORY;
  engine->program.run({.size = crew->size, .together = crew->together, .context = crew->context},
                      static_cast<uint8_t*>(crew->memory.data));
  return GODWIT_ENGINE_OK;
}

void godwit_engine_reset_state(godwit_engine const* engine) {
  engine->program.reset_state();
}

godwit_engine_region godwit_engine_state(godwit_engine const* engine) {
  auto const state = engine->program.state();
  return {state.data(), state.size()};
}

int godwit_engine_take_state(godwit_engine const* engine, godwit_engine const* from) {
  return engine->program.take_state(from->program);
}

godwit_engine_status godwit_engine_check_golden(godwit_engine const* engine) {
  auto const status = engine::check_golden(engine->program);
  engine->program.reset_state();
  return from(status);
}

char const* godwit_engine_status_name(godwit_engine_status status) {
  switch (status) {
    case GODWIT_ENGINE_OK:
      return "ok";
    case GODWIT_ENGINE_CORRUPT:
      return "corrupt model";
    case GODWIT_ENGINE_NEWER:
      return "model needs a newer engine";
    case GODWIT_ENGINE_UNKNOWN_PATH:
      return "unknown path";
    case GODWIT_ENGINE_PATH_NOT_HERE:
      return "path not available on this processor";
    case GODWIT_ENGINE_TOO_LARGE:
      return "model too large";
    case GODWIT_ENGINE_MEMORY:
      return "memory too small or not aligned";
    case GODWIT_ENGINE_NO_GOLDEN:
      return "model without golden outputs";
    case GODWIT_ENGINE_GOLDEN_DIFFERS:
      return "golden outputs differ";
  }
  return "unknown";
}
