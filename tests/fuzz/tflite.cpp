// The .tflite reader and the compiler behind it: whatever compiles is a model that the engine
// loads, compiles to the same bytes again, and computes the same with and without what the
// compiler removes.
#include "compiler/compile.h"
#include "tests/fuzz/bounded_run.h"

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  using namespace godwit;
  ByteView const file(data, size);
  // No golden rows: they run the model, which may take its time.
  auto const compiled = compiler::compile_tflite(file, {.golden_rows = 0});
  if (!compiled) return 0;
  auto const model = proto::parse_model(compiled->model);
  CHECK(model);
  auto const whole =
      compiler::compile_tflite(file, {.golden_rows = 0, .keep_constant_channels = true});
  CHECK(whole);
  CHECK(compiler::compile_tflite(file, {.golden_rows = 0})->model == compiled->model);
  if (!fuzz::is_small(*model) || !fuzz::is_small(*proto::parse_model(whole->model))) return 0;
  auto engine = engine::Engine::load(compiled->model);
  auto whole_engine = engine::Engine::load(whole->model);
  CHECK(engine && whole_engine);
  CHECK(fuzz::run_twice(*engine, size) == fuzz::run_twice(*whole_engine, size));
  return 0;
}
