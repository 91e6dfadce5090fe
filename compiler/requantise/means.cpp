#include "compiler/requantise/means.h"

#include <algorithm>

#include "agent/engine/engine.h"
#include "compiler/compile.h"

namespace godwit::compiler {

namespace {

constexpr size_t kRowsMax = 256;

void add_values(ByteView bytes, engine::TensorInfo const& info, std::vector<double>& sums) {
  for (size_t i = 0; i < bytes.size(); ++i)
    sums[i % sums.size()] +=
        static_cast<double>(info.scale) * (static_cast<int8_t>(bytes[i]) - info.zero_point);
}

}  // namespace

auto asked_tensors(std::vector<MeanRequest> const& requests) -> std::vector<int32_t> {
  std::vector<int32_t> asked;
  for (auto const& request : requests) {
    auto const tensor = static_cast<int32_t>(request.tensor);
    if (std::find(asked.begin(), asked.end(), tensor) == asked.end()) asked.push_back(tensor);
  }
  return asked;
}

auto means_of(ByteView compiled, TfliteModel const& graph, std::vector<MeanRequest> const& requests,
              ByteView rows) -> Result<Means> {
  TRY(auto engine, engine::Engine::load(compiled));
  auto const asked = asked_tensors(requests);
  size_t const row_bytes = engine.input_bytes();
  if (rows.empty() || rows.size() % row_bytes)
    return invalid("the inputs have " + std::to_string(rows.size()) +
                   " bytes, which is no multiple of the model's row of " +
                   std::to_string(row_bytes));
  size_t const count = std::min(kRowsMax, rows.size() / row_bytes);
  Means means;
  for (auto const& request : requests) means[request].resize(request.period);
  Bytes output(engine.output_bytes());
  for (size_t row = 0; row < count; ++row) {
    engine.reset_state();
    engine.run(rows.subspan(row * row_bytes, row_bytes), output);
    ByteView left = output;
    for (size_t i = 0; i < asked.size(); ++i) {
      auto const& info = engine.outputs()[i];
      for (auto& [request, sums] : means)
        if (static_cast<int32_t>(request.tensor) == asked[i])
          add_values(left.first(info.size_bytes), info, sums);
      left = left.subspan(info.size_bytes);
    }
  }
  for (auto& [request, sums] : means) {
    auto const& tensor = graph.tensors[request.tensor];
    auto const times = static_cast<double>(count * (tensor.elements / request.period));
    for (double& sum : sums) sum /= times;
  }
  return means;
}

auto measure_means(TfliteModel const& model, std::vector<MeanRequest> const& requests,
                   ByteView rows) -> Result<Means> {
  // The same network, whose outputs are what is asked for.
  TfliteModel asked = model;
  asked.outputs = asked_tensors(requests);
  TRY(auto const compiled,
      compile_graph(asked, {}, {.golden_rows = 0, .keep_constant_channels = true}));
  return means_of(compiled.model, model, requests, rows);
}

}  // namespace godwit::compiler
