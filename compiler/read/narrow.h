// Places that ARG_MAX and ARG_MIN tell as int64, and what only moves or casts them, become int32:
// no axis is longer than that.
#pragma once

#include "compiler/read/tflite.h"

namespace godwit::compiler {

void narrow_places(TfliteModel& model);

}  // namespace godwit::compiler
