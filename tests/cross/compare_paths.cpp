// Every path that this processor runs gives the bytes of the portable one, on random models: the
// unit test of the same name, for processors that have no GoogleTest. engine_compare [MODELS]
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "agent/engine/engine.h"
#include "tests/unit/agent/engine/random_step.h"

namespace {

using namespace godwit;
using engine::RandomStep;

struct Kind {
  char const* name;
  std::function<Bytes(RandomStep&)> make;
};

Kind const kKinds[] = {
    {"conv", [](RandomStep& r) { return r.conv(false); }},
    {"depthwise", [](RandomStep& r) { return r.conv(true); }},
    {"fully_connected", [](RandomStep& r) { return r.fully_connected(); }},
    {"add", [](RandomStep& r) { return r.add(); }},
    {"average_pool", [](RandomStep& r) { return r.pool(proto::Opcode::average_pool_2d); }},
    {"max_pool", [](RandomStep& r) { return r.pool(proto::Opcode::max_pool_2d); }},
    {"mean", [](RandomStep& r) { return r.mean(); }},
};

/// Whether two rows of a model agree.
auto agrees(Bytes const& model, std::string const& path, RandomStep& random) -> bool {
  auto expected = engine::Engine::load(model, {.path = "portable"});
  auto actual = engine::Engine::load(model, {.path = path});
  CHECK(expected && actual);
  Bytes want(expected->output_bytes());
  Bytes got(expected->output_bytes());
  for (int row = 0; row < 2; ++row) {
    auto const input = random.bytes(expected->input_bytes());
    expected->run(input, want);
    actual->run(input, got);
    if (want != got) return false;
  }
  return true;
}

}  // namespace

auto main(int count, char** words) -> int {
  auto const models = static_cast<uint32_t>(count > 1 ? std::atoi(words[1]) : 100);
  bool good = true;
  for (auto const& path : engine::path_names()) {
    if (path == "portable") continue;
    if (!engine::check_options({.path = path})) {
      std::printf("%s: skipped, this processor cannot run it\n", path.c_str());
      continue;
    }
    for (auto const& kind : kKinds) {
      uint32_t equal = 0;
      for (uint32_t seed = 1; seed <= models; ++seed) {
        RandomStep random(seed);
        auto const model = kind.make(random);
        if (agrees(model, path, random))
          ++equal;
        else
          std::printf("%s %s: seed %u differs\n", path.c_str(), kind.name, seed);
      }
      std::printf("%s %s: %u of %u models equal\n", path.c_str(), kind.name, equal, models);
      good &= equal == models;
    }
  }
  return good ? 0 : 1;
}
