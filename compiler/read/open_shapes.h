// What a file leaves open of its tensors' shapes, mostly the batch: Keras exports models so unless
// told otherwise, and runtimes work it out from the shapes of the inputs when they begin.
#pragma once

#include "compiler/read/tflite.h"

namespace godwit::compiler {

/// Works out every open extent, for inputs of the shapes that the file names (1 where it leaves
/// them open), and makes constants of what is computed of shapes alone. What it cannot work out
/// stays as the file has it: the operator's lowering then says what does not fit.
void settle_shapes(TfliteModel& model);

}  // namespace godwit::compiler
