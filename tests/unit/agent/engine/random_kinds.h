// Every operator that is computed the plain way too, with the models to try it on and what else
// than int8 it knows.
#pragma once

#include <functional>

#include "tests/unit/agent/engine/random_step.h"

namespace godwit::engine {

struct RandomKind {
  char const* name;
  std::function<Bytes(RandomStep&)> make;
  bool narrow = true;  // of int8
  bool wide = false;   // of int16
};

auto random_kinds() -> std::vector<RandomKind> const&;

}  // namespace godwit::engine
