// godwit model compile: a .tflite file as a compiled model; with --base, new weights in codes that
// stay near those of a deployed model, so that the delta is small.
#include <cstdio>
#include <memory>

#include "cli/commands/program.h"
#include "cli/core/files.h"
#include "cli/core/output.h"
#include "cli/core/progress.h"
#include "cli/publish/float_weights.h"
#include "compiler/anomaly.h"
#include "compiler/evaluate.h"
#include "compiler/read/narrow.h"
#include "compiler/read/open_shapes.h"
#include "compiler/read/uint8.h"
#include "compiler/requantise/search.h"
#include "proto/base/limits.h"
#include "proto/format/model.h"
#include "proto/format/small_digest.h"
#include "server/delta/tables/find_pairs.h"

namespace godwit::cli {
namespace {

constexpr double kTauLsbMax = 127;
constexpr double kPointsMax = 100;

struct Arguments {
  std::string model;
  std::string compiled;
  std::string base;
  std::string input;
  std::string labels;
  std::string profile = "large";
  std::string rounding = "twice";
  uint64_t windows_per_clip = 0;
  double drop_points_max = compiler::SearchOptions().drop_points_max;
  double tau_lsb = 0;  // 0: it is searched
  compiler::CompileOptions options{};
};

auto fixed(double value, int digits) -> std::string {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

void say_compiled(Context& context, Arguments const& args, compiler::Compiled const& compiled) {
  auto text = args.compiled + ": " + std::to_string(compiled.model.size()) + " bytes";
  if (compiled.channels_removed)
    text += "; " + std::to_string(compiled.channels_removed) + " of " +
            std::to_string(compiled.channels) + " channels removed, which no input can change";
  say(context, text);
}

auto compile_alone(Context& context, Arguments const& args) -> Result<> {
  TRY(Bytes const source, read_file(args.model, limits::kModelBytesMax));
  TRY(auto const compiled, compiler::compile_tflite(source, args.options).within(args.model));
  TRY_VOID(write_file(args.compiled, compiled.model));
  say_compiled(context, args, compiled);
  return {};
}

/// What a server that makes the delta would find: by the tables of both models.
auto delta_bytes(std::string const& profile, ByteView deployed, ByteView model)
    -> Result<uint64_t> {
  delta::PatchOptions const options{.profile = profile == "small" ? proto::Profile::weights_small
                                                                  : proto::Profile::weights_large};
  TRY(auto const patch,
      delta::make_patch_of(deployed, model, delta::find_pairs(deployed, model), options));
  return uint64_t{patch.size()};
}

/// Per cent: of rows answered rightly, or of the area under the curve.
auto score_percent(ByteView inputs, ByteView labels, uint64_t windows_per_clip, ByteView model)
    -> Result<double> {
  auto const no_clock = [] { return uint64_t{0}; };
  TRY(auto engine, engine::Engine::load(model));
  if (windows_per_clip > 0) {
    TRY(auto const result,
        compiler::evaluate_anomalies(engine, inputs, labels, windows_per_clip, no_clock));
    return 100 * result.auc;
  }
  TRY(auto const result, compiler::evaluate(engine, inputs, labels, no_clock));
  return 100 * result.accuracy();
}

/// The deployed model: the int8 file that it was compiled from, or the compiled one itself.
struct Base {
  std::optional<compiler::CompiledBase> compiled;
  compiler::TfliteModel graph;  // of the file
  Bytes made;                   // compiled of it

  auto deployed(ByteView file) const -> compiler::Deployed {
    if (compiled) return {compiled->graph(), file, &*compiled};
    return {graph, made};
  }
};

auto read_base(Arguments const& args, Bytes const& file) -> Result<Base> {
  Base base;
  if (proto::parse_model(file)) {
    TRY(base.compiled, compiler::CompiledBase::read(file).within(args.base));
    return base;
  }
  TRY(base.graph, compiler::read_tflite(file).within(args.base));
  compiler::settle_shapes(base.graph);
  compiler::move_to_int8(base.graph);
  compiler::narrow_places(base.graph);
  TRY(auto compiled, compiler::compile_tflite(file, args.options).within(args.base));
  base.made = std::move(compiled.model);
  return base;
}

auto point_json(compiler::CurvePoint const& point) -> Json {
  auto object = Json::object({{"tau_lsb", nullptr},
                              {"delta_bytes", point.delta_bytes},
                              {"score_percent", nullptr},
                              {"weights_moved", point.moved},
                              {"weights_clipped", point.clipped}});
  if (point.tau_lsb) object.set("tau_lsb", *point.tau_lsb);
  if (point.score_percent) object.set("score_percent", *point.score_percent);
  return object;
}

auto search_json(compiler::Search const& search) -> Json {
  Json::Array curve;
  for (auto const& point : search.curve) curve.push_back(point_json(point));
  Json::Array unused;
  for (auto const& name : search.unused) unused.emplace_back(name);
  auto object = Json::object({{"weights", search.codes},
                              {"deployed_percent", nullptr},
                              {"chosen", point_json(search.curve[search.chosen])},
                              {"curve", Json(std::move(curve))},
                              {"unused_tensors", Json(std::move(unused))}});
  if (search.deployed_percent) object.set("deployed_percent", *search.deployed_percent);
  return object;
}

auto curve_table(compiler::Search const& search) -> Table {
  using Align = Table::Align;
  Table table({{"TAU, LSB"},
               {"DELTA", Align::right},
               {"SCORE", Align::right},
               {"MOVED", Align::right},
               {"CLIPPED", Align::right},
               {"CHOSEN"}});
  auto const percent = [](std::optional<double> const& value) {
    return value ? fixed(*value, 2) + " %" : "-";
  };
  if (search.deployed_percent)
    table.add({"deployed", "0", percent(search.deployed_percent), "0", "0", ""});
  for (size_t i = 0; i < search.curve.size(); ++i) {
    auto const& point = search.curve[i];
    table.add({point.tau_lsb ? fixed(*point.tau_lsb, 3) : "own scales",
               std::to_string(point.delta_bytes), percent(point.score_percent),
               std::to_string(point.moved), std::to_string(point.clipped),
               i == search.chosen ? "*" : ""});
  }
  return table;
}

/// Only labels can tell whether it matters.
void say_clipped(Context& context, compiler::Search const& search) {
  auto const& chosen = search.curve[search.chosen];
  if (chosen.clipped > 0 && !chosen.score_percent)
    say(context,
        std::to_string(chosen.clipped) + " of " + std::to_string(search.codes) +
            " weights lie beyond what the scales of the base can say: see what that costs, with "
            "--input and --labels");
}

auto check_arguments(Arguments const& args) -> Result<> {
  if (args.input.empty() != args.labels.empty())
    return invalid("--input and --labels belong together");
  if (args.input.empty() && args.tau_lsb <= 0)
    return invalid(
        "--base needs labelled rows, to see what codes that stay cost: --input FILE --labels "
        "FILE; or say with --tau how far a weight may move unseen");
  return {};
}

auto compile_near(Context& context, Arguments const& args) -> Result<> {
  TRY_VOID(check_arguments(args));
  TRY(Bytes const file, read_file(args.model, limits::kModelBytesMax));
  TRY(Bytes const base_file, read_file(args.base, limits::kModelBytesMax));
  TRY(auto const base, read_base(args, base_file));
  TRY(auto const weights, read_float_weights(file).within(args.model));
  Bytes inputs;
  Bytes labels;
  if (!args.input.empty()) {
    TRY(inputs, read_file(args.input, limits::kArtifactBytesMax));
    TRY(labels, read_file(args.labels, limits::kArtifactBytesMax));
  }
  auto progress = std::make_unique<Progress>(context, "searching tau", 0);
  compiler::Measures measures;
  measures.delta_bytes = [&](ByteView from, ByteView to) {
    return delta_bytes(args.profile, from, to);
  };
  if (!inputs.empty())
    measures.score_percent = [&](ByteView model) {
      return score_percent(inputs, labels, args.windows_per_clip, model);
    };
  compiler::SearchOptions options{
      .drop_points_max = args.drop_points_max, .compile = args.options, .rows = inputs};
  if (args.tau_lsb > 0) options.tau_lsb = args.tau_lsb;
  TRY(auto const search,
      search_tau(base.deployed(base_file), weights, proto::small_sha256(file), options, measures)
          .within(args.model));
  progress.reset();
  TRY_VOID(write_file(args.compiled, search.compiled.model));
  if (output_mode(context) == OutputMode::json || output_mode(context) == OutputMode::jsonl)
    print_object(context, search_json(search), Table());
  else
    print_list(context, Json::array(), curve_table(search));
  for (auto const& name : search.unused)
    say(context, "the base has no use for tensor '" + name + "'");
  say_clipped(context, search);
  say_compiled(context, args, search.compiled);
  return {};
}

}  // namespace

void add_model_compile_commands(CLI::App& app, Context& context) {
  auto* model = group(app, "model", "Compile, inspect and measure models");
  auto const args = std::make_shared<Arguments>();
  auto* make = model->add_subcommand("compile", "Compile an int8 .tflite model");
  make->add_option("SOURCE", args->model,
                   "the .tflite file; with --base the file with the new weights: .tflite, .onnx or "
                   ".safetensors, best in floating point")
      ->required();
  make->add_option("-o,--out", args->compiled, "the compiled model")->required();
  make->add_option("--golden-rows", args->options.golden_rows,
                   "golden inputs that devices check; 0: none")
      ->capture_default_str();
  make->add_flag("--keep-constant-channels", args->options.keep_constant_channels,
                 "do not remove channels whose value no input can change");
  choice(make->add_option("--rounding", args->rounding,
                          "how sums are scaled: twice, as TFLite Micro does, or once, as a "
                          "TensorFlow Lite built with TFLITE_SINGLE_ROUNDING")
             ->capture_default_str(),
         {"twice", "once"});
  auto* const base = make->add_option(
      "--base", args->base,
      "the deployed model, compiled, or the int8 .tflite file that it was compiled from: its "
      "structure and scales stay, and each code from which the new weight has not moved far");
  make->add_option("--input,--inputs", args->input, "raw little-endian tensors, row after row")
      ->needs(base);
  make->add_option("--labels", args->labels, "one byte a row: the right class")->needs(base);
  make->add_option("--windows-per-clip", args->windows_per_clip, "as of `model eval`")->needs(base);
  make->add_option("--max-drop", args->drop_points_max,
                   "points that may be lost against new scales of its own")
      ->needs(base)
      ->check(CLI::Range(0.0, kPointsMax))
      ->capture_default_str();
  make->add_option("--tau", args->tau_lsb,
                   "steps within which a code is kept, instead of a search for the smallest delta")
      ->needs(base)
      ->check(CLI::Range(0.5, kTauLsbMax));
  make->add_option("--profile", args->profile, "what deltas are measured for: small or large")
      ->needs(base)
      ->check(CLI::IsMember({"small", "large"}))
      ->capture_default_str();
  does(make, context, [&context, args] {
    args->options.round_once = args->rounding == "once";
    return args->base.empty() ? compile_alone(context, *args) : compile_near(context, *args);
  });
}

}  // namespace godwit::cli
