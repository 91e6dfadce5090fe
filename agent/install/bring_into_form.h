// At a start, brings what another version or another configuration of the agent left into the form
// that is written now: plain slots are sealed, or the other way round.
#pragma once

#include "agent/core/model_files.h"
#include "agent/install/model_slots.h"

namespace godwit::agent {

/// A file that was converted, or that could not be read: it is as good as empty from now on, and if
/// a running release lies in it, that one is asked for again. `retry` and `internal`: it stays as
/// it is and works on.
struct BroughtIntoForm {
  std::string file;
  Result<> result;
};
auto bring_into_form(ModelFiles& models, ModelSlots const& slots) -> std::vector<BroughtIntoForm>;

}  // namespace godwit::agent
