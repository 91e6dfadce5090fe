// What the inputs of layers are in the mean, over rows that a network is run on.
#pragma once

#include <map>
#include <vector>

#include "compiler/read/tflite.h"

namespace godwit::compiler {

/// Of each tensor that is asked for (int8, computed or an input of the graph), the mean of its
/// values at each place of a period, in real numbers.
struct MeanRequest {
  size_t tensor = 0;
  size_t period = 1;  // a divisor of the tensor's elements: as many means

  auto operator<=>(MeanRequest const&) const = default;
};
using Means = std::map<MeanRequest, std::vector<double>>;

/// Over the first rows of `rows`, 256 at most; state is forgotten before each. `invalid` unless
/// `rows` is a whole number of the model's rows, at least one.
auto measure_means(TfliteModel const& model, std::vector<MeanRequest> const& requests,
                   ByteView rows) -> Result<Means>;

/// The tensors that are asked for, each once.
auto asked_tensors(std::vector<MeanRequest> const& requests) -> std::vector<int32_t>;
/// Of a compiled model whose outputs are asked_tensors(requests); `graph` tells their shapes.
auto means_of(ByteView compiled, TfliteModel const& graph, std::vector<MeanRequest> const& requests,
              ByteView rows) -> Result<Means>;

}  // namespace godwit::compiler
