// The portable kernels compute what the specification says, and every path that this processor runs
// gives their bytes, on random models: the unit tests, for processors that have no GoogleTest.
// engine_compare [MODELS]
#include <cstdio>
#include <cstdlib>

#include "agent/engine/engine.h"
#include "tests/unit/agent/engine/plain.h"
#include "tests/unit/agent/engine/random_kinds.h"

namespace {

using namespace godwit;
using engine::RandomStep;

/// Parts of layers, without threads: the last one first.
void last_part_first(void*, void (*part)(void* work, uint32_t index), void* work) {
  for (uint32_t i = engine::kCrewMax; i-- > 0;) part(work, i);
}
constexpr engine::Crew kCrew{
    .size = engine::kCrewMax, .together = last_part_first, .products_least = 0};

/// Whether two rows of a model agree, also in parts.
auto agrees(Bytes const& model, std::string const& path, RandomStep& random) -> bool {
  auto expected = engine::Engine::load(model, {.path = "portable"});
  auto actual = engine::Engine::load(model, {.path = path});
  auto parted = engine::Engine::load(model, {.path = path, .crew = kCrew});
  CHECK(expected && actual && parted);
  Bytes want(expected->output_bytes());
  Bytes got(expected->output_bytes());
  for (int row = 0; row < 2; ++row) {
    auto const input = random.bytes(expected->input_bytes());
    expected->run(input, want);
    actual->run(input, got);
    if (want != got) return false;
    parted->run(input, got);
    if (want != got) return false;
  }
  return true;
}

/// Whether a row of a model is what the plain way gives.
auto is_plain(Bytes const& model, RandomStep& random) -> bool {
  auto engine = engine::Engine::load(model, {.path = "portable"});
  CHECK(engine);
  Bytes got(engine->output_bytes());
  auto const input = random.bytes(engine->input_bytes());
  engine->run(input, got);
  return got == engine::plain_output(*proto::parse_model(model), input);
}

/// So many models of a kind for which `holds`; those that it does not hold for are told.
template <typename Holds>
auto try_models(std::string const& what, engine::RandomKind const& kind, engine::Form form,
                uint32_t models, Holds holds) -> bool {
  uint32_t equal = 0;
  for (uint32_t seed = 1; seed <= models; ++seed) {
    RandomStep random(seed, form);
    auto const model = kind.make(random);
    if (holds(model, random))
      ++equal;
    else
      std::printf("%s %s: seed %u differs\n", what.c_str(), kind.name, seed);
  }
  std::printf("%s %s: %u of %u models equal\n", what.c_str(), kind.name, equal, models);
  return equal == models;
}

}  // namespace

auto main(int count, char** words) -> int {
  auto const models = static_cast<uint32_t>(count > 1 ? std::atoi(words[1]) : 100);
  bool good = true;
  for (auto const& kind : engine::random_kinds()) {
    if (kind.narrow) good &= try_models("plain", kind, {}, models, is_plain);
    if (kind.narrow) good &= try_models("plain once", kind, {.once = true}, models, is_plain);
    if (kind.wide) good &= try_models("plain int16", kind, {.wide = true}, models, is_plain);
  }
  for (auto const& path : engine::path_names()) {
    if (path == "portable") continue;
    if (!engine::check_options({.path = path})) {
      std::printf("%s: skipped, this processor cannot run it\n", path.c_str());
      continue;
    }
    for (auto const& kind : engine::random_kinds())
      if (kind.narrow)
        good &= try_models(path, kind, {}, models, [&](Bytes const& model, RandomStep& random) {
          return agrees(model, path, random);
        });
  }
  return good ? 0 : 1;
}
