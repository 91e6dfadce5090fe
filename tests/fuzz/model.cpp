// The compiled model: whatever parse_model lets through loads (or is refused with a reason) and
// runs inside its bounds; the same row gives the same outputs, on every instruction set unless an
// operator's output lies over its input, or two of its states share bytes.
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

auto share_bytes(proto::Tensor const& a, proto::Tensor const& b) -> bool {
  return a.place == b.place && a.offset < b.offset + b.size_bytes &&
         b.offset < a.offset + a.size_bytes;
}

/// Whether an operator writes where it reads, or writes a place twice: what comes of it then
/// depends on the order of its work, which only the compiler's own overlaps leave open to none.
auto overlaps_itself(proto::ModelView const& model, proto::Operator const& op) -> bool {
  for (uint32_t o = 0; o < op.output_count(); ++o) {
    auto const output = model.tensor(op.output(o));
    for (uint32_t i = 0; i < op.input_count(); ++i)
      if (op.input(i) < model.tensor_count() && share_bytes(model.tensor(op.input(i)), output))
        return true;
    for (uint32_t other = 0; other < o; ++other)
      if (share_bytes(model.tensor(op.output(other)), output)) return true;
  }
  return false;
}

/// Whether an operator keeps two states in one place.
auto states_overlap(proto::ModelView const& model, proto::Operator const& op) -> bool {
  for (uint32_t i = 0; i < op.input_count(); ++i)
    for (uint32_t other = 0; other < i; ++other) {
      auto const a = model.tensor(op.input(i));
      auto const b = model.tensor(op.input(other));
      if (a.place == proto::Place::state && share_bytes(a, b)) return true;
    }
  return false;
}

auto order_matters(proto::ModelView const& model) -> bool {
  for (uint32_t i = 0; i < model.operator_count(); ++i)
    if (overlaps_itself(model, model.op(i)) || states_overlap(model, model.op(i))) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  ByteView const bytes(data, size);
  auto const model = proto::parse_model(bytes);
  if (!model) return 0;
  look_at(*model);
  if (!fuzz::is_small(*model)) return 0;
  bool const comparable = !order_matters(*model);
  Bytes first;
  for (auto const& path : engine::path_names()) {
    auto engine = engine::Engine::load(bytes, {.path = path});
    if (!engine) continue;  // a path that this processor lacks, or too much memory
    auto const output = fuzz::run_twice(*engine, size);
    if (first.empty()) first = output;
    CHECK(output == first || !comparable);
  }
  return 0;
}
