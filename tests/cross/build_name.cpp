// The name that engine_compare keeps packed plans under: it keeps none.
#include "agent/engine/kept.h"

namespace godwit::engine {

char const* const kBuildName = "engine_compare";

}  // namespace godwit::engine
