// The compiled model: whatever parse_model lets through loads (or is refused with a reason) and
// runs inside its bounds; the same row gives the same outputs, on every instruction set.
#include "tests/fuzz/bounded_run.h"

namespace {

using namespace godwit;

/// What the tools and the report of a model read of it.
void look_at(proto::ModelView const& model) {
  for (uint32_t i = 0; i < model.tensor_count(); ++i) {
    auto const tensor = model.tensor(i);
    for (uint32_t k = 0; k < tensor.scale_count; ++k) CHECK(tensor.scale(k) > 0);
    if (tensor.place == proto::Place::constant)
      CHECK(model.constant(tensor).size() == tensor.size_bytes);
  }
  for (uint32_t i = 0; i < model.output_count(); ++i) CHECK(model.output(i) < model.tensor_count());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  ByteView const bytes(data, size);
  auto const model = proto::parse_model(bytes);
  if (!model) return 0;
  look_at(*model);
  if (!fuzz::is_small(*model)) return 0;
  Bytes first;
  for (auto const& path : engine::path_names()) {
    auto engine = engine::Engine::load(bytes, {.path = path});
    if (!engine) continue;  // a path that this processor lacks, or too much memory
    auto const output = fuzz::run_twice(*engine, size);
    if (first.empty()) first = output;
    CHECK(output == first);
  }
  return 0;
}
