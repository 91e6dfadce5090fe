#include "agent/main/replay_runner.h"

#include "agent/linux/file_store.h"

namespace godwit::agent {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr size_t kInputsBytesMax = 256u << 20;
constexpr size_t kClassesMax = 1024;  // as many as Health::outputs may carry

}  // namespace

auto ReplayRunner::load(ModelName const& component, Release release) -> Result<> {
  auto before = running_.extract(component);
  // One that remembers nothing makes room before the next is loaded.
  if (!before.empty() && before.mapped().engine.state_bytes() == 0) before = {};
  auto options = options_;
  options.model_sha256 = release.sha256;
  // What came out of a seal is what was written; where nothing is sealed a file has to show it.
  bool const unsealed = release.kept.writable();
  if (unsealed || (!memory_.secret() && engine::check_kept(release.kept.view())))
    options.kept = release.kept.view();
  TRY(auto engine, engine::Engine::load(release.model.view(), options));
  memory_.give_back(release.model, engine.unread());
  if (!engine.kept()) release.kept = Plaintext();
  Running running{std::move(release.model),
                  std::move(release.kept),
                  std::move(engine),
                  {},
                  {},
                  {},
                  0,
                  0,
                  SteadyClock::now(),
                  {}};
  // A release that remembers the same things goes on where the one before was.
  if (!before.empty()) running.engine.take_state(before.mapped().engine);
  running.output.resize(running.engine.output_bytes());
  running.health.outputs.resize(std::min(kClassesMax, running.engine.outputs().front().size_bytes));
  if (auto const source = sources_.find(component); source != sources_.end()) {
    TRY(auto const inputs, read_file(source->second.inputs, kInputsBytesMax));
    auto const row_bytes = running.engine.input_bytes();
    if (row_bytes == 0 || inputs.empty() || inputs.size() % row_bytes != 0)
      return invalid(source->second.inputs + " does not hold whole rows of " +
                     std::to_string(row_bytes) + " bytes");
    running.inputs = to_bytes(inputs);
    if (!source->second.labels.empty()) {
      TRY(auto const labels, read_file(source->second.labels, kInputsBytesMax));
      if (labels.size() != inputs.size() / row_bytes)
        return invalid(source->second.labels + " does not hold one label a row");
      running.labels = to_bytes(labels);
      running.health.labelled = 0;
      running.health.correct = 0;
    }
    running.interval_ms = source->second.interval_ms;
  }
  running_.emplace(component, std::move(running));
  return {};
}

auto ReplayRunner::keep(ModelName const& component) const -> std::optional<Kept> {
  auto const found = running_.find(component);
  if (found == running_.end() || found->second.engine.kept()) return std::nullopt;
  auto kept = engine::keep(found->second.engine);
  if (kept.packed.empty()) return std::nullopt;
  return Kept{std::move(kept.head), kept.packed};
}

void ReplayRunner::run_row(Running& running) {
  auto const row_bytes = running.engine.input_bytes();
  auto const input = ByteView(running.inputs).subspan(running.row * row_bytes, row_bytes);
  auto const began = SteadyClock::now();
  running.engine.run(input, running.output);
  auto const took =
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - began);
  auto& health = running.health;
  ++health.inferences;
  health.latency_us.add(static_cast<uint64_t>(took.count()));
  auto const best = engine::argmax(running.engine, running.output);
  if (best < health.outputs.size()) ++health.outputs[best];
  if (!running.labels.empty()) {
    ++*health.labelled;
    if (best == running.labels[running.row]) ++*health.correct;
  }
  running.row = (running.row + 1) % (running.inputs.size() / row_bytes);
}

auto ReplayRunner::run(ModelName const& component, uint32_t count_max) -> Result<uint32_t> {
  auto const found = running_.find(component);
  if (found == running_.end()) return not_found(component.str() + " is not loaded");
  auto& running = found->second;
  if (running.inputs.empty()) return uint32_t{0};
  uint32_t count = 0;
  while (count < count_max && SteadyClock::now() >= running.due) {
    run_row(running);
    ++count;
    if (running.interval_ms > 0)
      running.due = SteadyClock::now() + std::chrono::milliseconds(running.interval_ms);
  }
  return count;
}

auto ReplayRunner::health(ModelName const& component) const -> proto::Health {
  auto const found = running_.find(component);
  return found == running_.end() ? proto::Health() : found->second.health;
}

}  // namespace godwit::agent
