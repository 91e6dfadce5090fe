#include "compiler/anomaly.h"

#include <algorithm>
#include <numeric>

#include "compiler/evaluate.h"

namespace godwit::compiler {

namespace {

auto real(engine::TensorInfo const& info, uint8_t byte) -> double {
  int32_t const value = info.type == "int8" ? static_cast<int8_t>(byte) : byte;
  return static_cast<double>(info.scale) * (value - info.zero_point);
}

auto squared_error(engine::Engine const& engine, ByteView input, ByteView output) -> double {
  auto const& given = engine.inputs().front();
  auto const& made = engine.outputs().front();
  double sum = 0;
  for (size_t i = 0; i < given.size_bytes; ++i) {
    double const difference = real(given, input[i]) - real(made, output[i]);
    sum += difference * difference;
  }
  return sum / static_cast<double>(given.size_bytes);
}

auto check_autoencoder(engine::Engine const& engine) -> Result<> {
  auto const one_byte = [](auto const& info) {
    return info.type == "int8" || info.type == "uint8";
  };
  if (engine.inputs().size() != 1 || !one_byte(engine.inputs().front()) ||
      !one_byte(engine.outputs().front()) ||
      engine.inputs().front().size_bytes != engine.outputs().front().size_bytes)
    return invalid(
        "the model is no autoencoder: its output is not of the size and type of its one input");
  return {};
}

}  // namespace

auto area_under_curve(std::vector<double> const& scores, ByteView labels) -> Result<double> {
  CHECK(scores.size() == labels.size());
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  double usual_below = 0;
  double wins = 0;
  for (size_t from = 0; from < order.size();) {
    size_t to = from;
    double usual = 0;
    double strange = 0;
    for (; to < order.size() && scores[order[to]] == scores[order[from]]; ++to)
      ++(labels[order[to]] ? strange : usual);
    wins += strange * (usual_below + usual / 2);
    usual_below += usual;
    from = to;
  }
  double const strange_all = static_cast<double>(scores.size()) - usual_below;
  if (usual_below == 0 || strange_all == 0)
    return invalid("all clips have labels of one kind: there is nothing to tell apart");
  return wins / (usual_below * strange_all);
}

auto evaluate_anomalies(engine::Engine& engine, ByteView inputs, ByteView labels,
                        uint64_t windows_per_clip, std::function<uint64_t()> const& now_ns)
    -> Result<AnomalyEvaluation> {
  TRY_VOID(check_autoencoder(engine));
  if (windows_per_clip == 0) return invalid("a clip has no windows");
  size_t const width = engine.input_bytes();
  uint64_t const windows = inputs.size() / width;
  if (inputs.empty() || inputs.size() % width || windows % windows_per_clip ||
      windows / windows_per_clip != labels.size())
    return invalid("there are " + std::to_string(labels.size()) + " labels and " +
                   std::to_string(inputs.size()) + " bytes, which is not as many clips of " +
                   std::to_string(windows_per_clip) + " windows of " + std::to_string(width) +
                   " bytes");
  AnomalyEvaluation result{.windows = windows, .scores = std::vector<double>(labels.size())};
  Bytes output(engine.output_bytes());
  std::vector<uint64_t> latencies_ns;
  latencies_ns.reserve(windows);
  for (uint64_t i = 0; i < windows; ++i) {
    auto const input = inputs.subspan(i * width, width);
    engine.reset_state();
    auto const start_ns = now_ns();
    engine.run(input, output);
    latencies_ns.push_back(now_ns() - start_ns);
    result.scores[i / windows_per_clip] +=
        squared_error(engine, input, output) / static_cast<double>(windows_per_clip);
  }
  TRY(result.auc, area_under_curve(result.scores, labels));
  std::sort(latencies_ns.begin(), latencies_ns.end());
  result.latency_ns_p50 = quantile(latencies_ns, 0.5);
  result.latency_ns_p99 = quantile(latencies_ns, 0.99);
  return result;
}

}  // namespace godwit::compiler
