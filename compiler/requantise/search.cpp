#include "compiler/requantise/search.h"

#include <array>
#include <cstdio>

namespace godwit::compiler {

namespace {

constexpr std::array kTaus = {0.5,  0.55, 0.6,  0.65, 0.7, 0.8, 0.9, 1.0,
                              1.25, 1.5,  1.75, 2.0,  2.5, 3.0, 4.0, 6.0};
/// Accuracy wavers: one that is too low may be followed by one that is not, several are a trend.
constexpr int kTooLowMax = 2;

auto fixed(double value) -> std::string {
  char text[48];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

class Curve {
 public:
  Curve(Requantiser const& requantiser, Deployed const& deployed, Sha256 const& source,
        SearchOptions const& options, Measures const& measures)
      : requantiser_(requantiser),
        deployed_(deployed),
        source_(source),
        options_(options),
        measures_(measures) {}

  auto draw() && -> Result<Search> {
    TRY_VOID(add(std::nullopt));
    if (options_.tau_lsb) {
      TRY_VOID(add(options_.tau_lsb));
      return finish();
    }
    int too_low = 0;
    for (double const tau : kTaus) {
      TRY_VOID(add(tau));
      too_low = accurate(search_.curve.back()) ? 0 : too_low + 1;
      if (too_low == kTooLowMax || search_.curve.back().moved == 0) break;
    }
    return finish();
  }

 private:
  auto add(std::optional<double> tau_lsb) -> Result<> {
    auto const made = tau_lsb ? requantiser_.within(*tau_lsb) : requantiser_.with_own_scales();
    auto const* const base = deployed_.compiled;
    TRY(auto compiled,
        base ? base->with(made, source_) : compile_graph(made.model, source_, options_.compile));
    CurvePoint point{.tau_lsb = tau_lsb, .moved = made.moved, .clipped = made.clipped};
    TRY(point.delta_bytes, measures_.delta_bytes(deployed_.model, compiled.model));
    if (measures_.score_percent) {
      TRY(point.score_percent, measures_.score_percent(compiled.model));
    }
    search_.codes = made.codes;
    search_.curve.push_back(point);
    bool const smaller = !chosen_ || point.delta_bytes <= search_.curve[*chosen_].delta_bytes;
    if (tau_lsb && smaller && accurate(point)) {
      chosen_ = search_.curve.size() - 1;
      search_.compiled = std::move(compiled);
    }
    return {};
  }

  auto drop_points(CurvePoint const& point) const -> double {
    if (!point.score_percent) return 0;
    return *search_.curve.front().score_percent - *point.score_percent;
  }

  /// Scores are whole rows: what they differ by in the last place is no drop.
  auto accurate(CurvePoint const& point) const -> bool {
    return drop_points(point) <= options_.drop_points_max + 1e-9;
  }

  auto finish() -> Result<Search> {
    if (chosen_) {
      search_.chosen = *chosen_;
      return std::move(search_);
    }
    double least = drop_points(search_.curve[1]);
    for (size_t i = 2; i < search_.curve.size(); ++i)
      least = std::min(least, drop_points(search_.curve[i]));
    return Error{Code::conflict,
                 "with the scales of the base the new weights lose " + fixed(least) +
                     " points at least, and " + fixed(options_.drop_points_max) +
                     " are allowed: compile them without --base, or allow more (--max-drop)"};
  }

  Requantiser const& requantiser_;
  Deployed const& deployed_;
  Sha256 const& source_;
  SearchOptions const& options_;
  Measures const& measures_;
  Search search_;
  std::optional<size_t> chosen_;
};

}  // namespace

auto search_tau(Deployed const& deployed, std::vector<FloatTensor> const& weights,
                Sha256 const& source, SearchOptions const& options, Measures const& measures)
    -> Result<Search> {
  auto reads = Requantiser::make(deployed.graph, weights);
  if (!reads && deployed.compiled)
    return Error{reads.error().code,
                 reads.error().what +
                     " (channels that no input could change are gone from a compiled model: the "
                     "int8 .tflite file that it was compiled from has them)"};
  TRY(auto requantiser, std::move(reads));
  if (!options.rows.empty() && deployed.compiled) {
    TRY_VOID(requantiser.calibrate([&](auto const& made, auto const& requests) {
      return deployed.compiled->measure(made, requests, options.rows);
    }));
  } else if (!options.rows.empty()) {
    TRY_VOID(requantiser.calibrate(options.rows));
  }
  TRY(auto search, Curve(requantiser, deployed, source, options, measures).draw());
  search.unused = requantiser.unused();
  if (measures.score_percent) {
    TRY(search.deployed_percent, measures.score_percent(deployed.model));
  }
  return search;
}

}  // namespace godwit::compiler
