// The ModelRunner port on recorded inputs: each component runs its model over the rows of a file,
// again and again, and counts what came out.
#pragma once

#include <chrono>

#include "agent/core/ports.h"
#include "agent/engine/engine.h"
#include "agent/linux/config.h"
#include "agent/linux/model_memory.h"

namespace godwit::agent {

class ReplayRunner : public ModelRunner {
 public:
  /// `memory` outlives it.
  ReplayRunner(std::map<ModelName, ReplayConfig> sources, engine::EngineOptions options,
               ModelMemory& memory)
      : sources_(std::move(sources)), options_(std::move(options)), memory_(memory) {}

  /// A component without a source is loaded and never has an inference due.
  auto load(ModelName const& component, Release release) -> Result<> override;
  auto keep(ModelName const& component) const -> std::optional<Kept> override;
  void unload(ModelName const& component) override { running_.erase(component); }
  auto run(ModelName const& component, uint32_t count_max) -> Result<uint32_t> override;
  auto health(ModelName const& component) const -> proto::Health override;

 private:
  struct Running {
    Plaintext model;  // the engine borrows it,
    Plaintext kept;   // and this if it uses it
    engine::Engine engine;
    Bytes inputs;
    Bytes labels;
    Bytes output;
    int64_t interval_ms = 0;
    size_t row = 0;
    std::chrono::steady_clock::time_point due;
    proto::Health health;
  };
  static void run_row(Running& running);

  std::map<ModelName, ReplayConfig> sources_;
  engine::EngineOptions options_;
  ModelMemory& memory_;
  std::map<ModelName, Running> running_;
};

}  // namespace godwit::agent
