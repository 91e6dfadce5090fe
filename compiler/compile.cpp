#include "compiler/compile.h"

#include <algorithm>
#include <set>

#include "agent/engine/engine.h"
#include "agent/engine/golden.h"
#include "compiler/lower/lower.h"
#include "compiler/memory/plan.h"
#include "compiler/pass/constant_channels.h"
#include "compiler/pass/fold.h"
#include "compiler/read/narrow.h"
#include "compiler/read/open_shapes.h"
#include "compiler/read/uint8.h"
#include "proto/format/small_digest.h"

namespace godwit::compiler {

namespace {

/// How much the outputs of a seed tell: rows that differ, then values off the ends of the range.
auto score(engine::Engine& engine, uint64_t seed, uint32_t rows) -> uint64_t {
  Bytes input(engine.input_bytes());
  Bytes output(engine.output_bytes());
  std::set<Bytes> distinct;
  uint64_t inner = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    engine::fill_golden_input(seed, row, input);
    engine.reset_state();
    engine.run(input, output);
    distinct.insert(output);
    inner += static_cast<uint64_t>(std::count_if(
        output.begin(), output.end(), [](uint8_t byte) { return byte != 0x80 && byte != 0x7f; }));
  }
  return distinct.size() << 32 | std::min<uint64_t>(inner, UINT32_MAX);
}

/// Whether no other seed is worth the time: a large model takes long for each.
auto tells_enough(uint64_t score, uint32_t rows, uint64_t output_bytes) -> bool {
  return score >> 32 == rows && (score & UINT32_MAX) >= output_bytes * rows / 2;
}

/// Of a few seeds the first that tells enough, or the most telling one: a classifier that answers
/// every input with certainty would hide most damage.
auto choose_seed(engine::Engine& engine, uint32_t rows) -> uint64_t {
  constexpr uint64_t kSeeds = 16;
  uint64_t best = 1;
  uint64_t best_score = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    uint64_t const this_score = score(engine, seed, rows);
    if (this_score <= best_score) continue;
    best = seed;
    best_score = this_score;
    if (tells_enough(best_score, rows, engine.output_bytes())) break;
  }
  return best;
}

}  // namespace

auto compile_tflite(ByteView file, CompileOptions const& options) -> Result<Compiled> {
  TRY(auto graph, read_tflite(file).within("model file"));
  settle_shapes(graph);
  move_to_int8(graph);
  narrow_places(graph);
  return compile_graph(graph, proto::small_sha256(file), options);
}

auto compile_graph(TfliteModel const& source_graph, Sha256 const& source,
                   CompileOptions const& options) -> Result<Compiled> {
  if (options.golden_rows > proto::kGoldenRowsMax)
    return invalid("at most " + std::to_string(proto::kGoldenRowsMax) +
                   " golden rows are possible");
  TRY(auto graph,
      lower(source_graph, options.round_once ? proto::Rounding::once : proto::Rounding::twice));
  Compiled compiled;
  remove_idle(graph);
  compiled.operators_folded = fold_into_consumers(graph);
  if (!options.keep_constant_channels) {
    auto const channels = remove_constant_channels(graph);
    compiled.channels = channels.all;
    compiled.channels_removed = channels.removed;
  }
  TRY(auto const arena_bytes, plan_memory(graph));
  proto::ModelSpec spec{.tensors = std::move(graph.tensors),
                        .operators = std::move(graph.operators),
                        .input_count = graph.input_count,
                        .outputs = std::move(graph.outputs),
                        .arena_bytes = arena_bytes,
                        .state_bytes = graph.state_bytes,
                        .rounding = graph.rounding,
                        .source = source};
  compiled.model = write_model(spec);
  TRY(auto engine, engine::Engine::load(compiled.model).within("checking the result"));
  if (options.golden_rows == 0) return compiled;
  uint64_t const seed = choose_seed(engine, options.golden_rows);
  spec.golden = proto::Golden{seed, options.golden_rows,
                              engine::golden_hash(engine, seed, options.golden_rows)};
  compiled.model = write_model(spec);
  return compiled;
}

auto renew_golden(ByteView model) -> Result<Bytes> {
  TRY(auto const view, proto::parse_model(model));
  auto golden = view.golden();
  if (!golden) return invalid("the model has no golden section");
  TRY(auto engine, engine::Engine::load(model));
  golden->outputs = engine::golden_hash(engine, golden->seed, golden->rows);
  return proto::with_golden(model, *golden);
}

}  // namespace godwit::compiler
