#include "compiler/evaluate.h"

#include <algorithm>

namespace godwit::compiler {

namespace {

auto count_rows(engine::Engine const& engine, ByteView inputs) -> Result<size_t> {
  size_t const width = engine.input_bytes();
  if (inputs.empty() || inputs.size() % width)
    return invalid("the inputs have " + std::to_string(inputs.size()) +
                   " bytes, which is no multiple of the model's row of " + std::to_string(width));
  return inputs.size() / width;
}

}  // namespace

auto quantile(std::vector<uint64_t> const& sorted, double share) -> uint64_t {
  auto const rank = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[rank];
}

auto run_rows(engine::Engine& engine, ByteView inputs, bool keep_state) -> Result<Bytes> {
  TRY(auto const rows, count_rows(engine, inputs));
  size_t const width = engine.output_bytes();
  Bytes outputs(rows * width);
  engine.reset_state();
  for (size_t row = 0; row < rows; ++row) {
    if (!keep_state) engine.reset_state();
    engine.run(inputs.subspan(row * engine.input_bytes(), engine.input_bytes()),
               std::span(outputs).subspan(row * width, width));
  }
  return outputs;
}

auto evaluate(engine::Engine& engine, ByteView inputs, ByteView labels,
              std::function<uint64_t()> const& now_ns) -> Result<Evaluation> {
  TRY(auto const rows, count_rows(engine, inputs));
  if (labels.size() != rows)
    return invalid("there are " + std::to_string(labels.size()) + " labels for " +
                   std::to_string(rows) + " rows");
  auto const& output = engine.outputs().front();
  size_t classes = 1;
  for (uint32_t extent : output.shape) classes *= extent;
  if (*std::max_element(labels.begin(), labels.end()) >= classes)
    return invalid("a label names a class that the model's " + std::to_string(classes) +
                   " outputs do not have");
  Evaluation result{.rows = rows, .answers = std::vector<uint64_t>(classes)};
  Bytes row_output(engine.output_bytes());
  std::vector<uint64_t> latencies_ns;
  latencies_ns.reserve(rows);
  for (size_t row = 0; row < rows; ++row) {
    engine.reset_state();
    auto const start_ns = now_ns();
    engine.run(inputs.subspan(row * engine.input_bytes(), engine.input_bytes()), row_output);
    latencies_ns.push_back(now_ns() - start_ns);
    auto const answer = argmax(engine, row_output);
    ++result.answers[answer];
    result.correct += answer == labels[row];
  }
  std::sort(latencies_ns.begin(), latencies_ns.end());
  result.latency_ns_p50 = quantile(latencies_ns, 0.5);
  result.latency_ns_p99 = quantile(latencies_ns, 0.99);
  return result;
}

}  // namespace godwit::compiler
