// godwit model inspect|run|eval: what a compiled model is, before it is released.
#include <chrono>
#include <cstdio>
#include <memory>

#include "agent/threads/threads.h"
#include "cli/commands/program.h"
#include "cli/core/files.h"
#include "cli/core/output.h"
#include "compiler/anomaly.h"
#include "compiler/evaluate.h"
#include "compiler/inspect.h"
#include "proto/base/limits.h"

namespace godwit::cli {
namespace {

struct Arguments {
  std::string compiled;
  std::string input;
  std::string output;
  std::string labels;
  std::string path;
  uint32_t threads = 1;
  uint64_t windows_per_clip = 0;
  bool keep_state = false;
};

auto shape_text(std::vector<uint32_t> const& shape) -> std::string {
  std::string text;
  for (uint32_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "1" : text;
}

auto shape_json(std::vector<uint32_t> const& shape) -> Json {
  Json::Array extents;
  for (uint32_t extent : shape) extents.emplace_back(extent);
  return Json(std::move(extents));
}

/// Converters join the names of all the layers that they fused.
auto short_name(std::string const& name) -> std::string {
  constexpr size_t kColumns = 40;
  return name.size() <= kColumns ? name : name.substr(0, kColumns - 3) + "...";
}

auto fixed(double value, int digits) -> std::string {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

auto tensor_json(proto::Tensor const& tensor, uint32_t number) -> Json {
  auto object = Json::object(
      {{"number", number},
       {"name", tensor.name},
       {"type", to_string(tensor.type)},
       {"shape", shape_json({tensor.shape.begin(), tensor.shape.begin() + tensor.rank})},
       {"place", std::string(to_string(tensor.place))},
       {"offset", tensor.offset},
       {"size_bytes", tensor.size_bytes},
       {"zero_point", tensor.zero_point},
       {"scale_axis", tensor.scale_axis}});
  Json::Array scales;
  for (uint32_t i = 0; i < tensor.scale_count; ++i)
    scales.emplace_back(static_cast<double>(tensor.scale(i)));
  object.set("scales", Json(std::move(scales)));
  return object;
}

auto model_json(proto::ModelView const& model, compiler::ModelCost const& cost, uint64_t size_bytes)
    -> Json {
  Json::Array tensors;
  for (uint32_t i = 0; i < model.tensor_count(); ++i)
    tensors.push_back(tensor_json(model.tensor(i), i));
  Json::Array operators;
  for (auto const& op : cost.operators)
    operators.push_back(Json::object({{"name", op.name},
                                      {"output", op.output},
                                      {"shape", shape_json(op.shape)},
                                      {"macs", op.macs},
                                      {"constant_bytes", op.constant_bytes}}));
  auto object = Json::object({{"size_bytes", size_bytes},
                              {"constant_bytes", cost.constant_bytes},
                              {"arena_bytes", model.arena_bytes()},
                              {"live_bytes_max", cost.live_bytes_max},
                              {"macs", cost.macs},
                              {"inputs", model.input_count()},
                              {"outputs", model.output_count()},
                              {"source_sha256", nullptr},
                              {"golden", nullptr},
                              {"tensors", Json(std::move(tensors))},
                              {"operators", Json(std::move(operators))}});
  if (auto const source = model.source()) object.set("source_sha256", source->hex());
  if (auto const golden = model.golden())
    object.set("golden", Json::object({{"seed", golden->seed},
                                       {"rows", golden->rows},
                                       {"sha256", golden->outputs.hex()}}));
  return object;
}

auto summary(proto::ModelView const& model, compiler::ModelCost const& cost, uint64_t size_bytes)
    -> Table {
  Table table;
  auto const add = [&](char const* name, std::string value) {
    table.add({name, std::move(value)});
  };
  auto const tensor = [&](uint32_t number) {
    auto const t = model.tensor(number);
    return short_name(std::string(t.name)) + "  " + std::string(to_string(t.type)) + " " +
           shape_text({t.shape.begin(), t.shape.begin() + t.rank}) + "  scale " +
           (t.scale_count ? fixed(static_cast<double>(t.scale()), 8) : "none") + "  zero point " +
           std::to_string(t.zero_point);
  };
  add("size", std::to_string(size_bytes) + " bytes");
  add("constants", std::to_string(cost.constant_bytes) + " bytes");
  add("arena", std::to_string(model.arena_bytes()) +
                   " bytes (alive at once: " + std::to_string(cost.live_bytes_max) + ")");
  add("work", std::to_string(cost.macs) + " multiply-adds a row");
  for (uint32_t i = 0; i < model.input_count(); ++i) add("input", tensor(i));
  for (uint32_t i = 0; i < model.output_count(); ++i) add("output", tensor(model.output(i)));
  if (auto const source = model.source()) add("compiled from", "sha256 " + source->hex());
  auto const golden = model.golden();
  add("golden", golden ? std::to_string(golden->rows) + " rows, seed " +
                             std::to_string(golden->seed) + ", sha256 " + golden->outputs.hex()
                       : "none");
  return table;
}

/// The arena over time, and the operator that decides how large it is.
void draw_memory(Context& context, proto::ModelView const& model, compiler::ModelCost const& cost) {
  constexpr uint32_t kColumns = 64;
  context.out
      << "\nARENA OVER TIME ('#' written, '=' read, '%' written over what was read, '.' kept)\n";
  auto const lines = compiler::draw_arena(model, kColumns);
  auto const peak = compiler::peak_operator(model);
  for (uint32_t i = 0; i < lines.size(); ++i)
    context.out << '|' << lines[i] << "| " << cost.operators[i].name
                << (i == peak ? "  <- peak" : "") << '\n';
}

auto inspect(Context& context, Arguments const& args) -> Result<> {
  TRY(Bytes const bytes, read_file(args.compiled, limits::kModelBytesMax));
  TRY(auto const model, proto::parse_model(bytes).within(args.compiled));
  auto const cost = compiler::cost_of(model);
  print_object(context, model_json(model, cost, bytes.size()), summary(model, cost, bytes.size()),
               args.compiled);
  if (output_mode(context) != OutputMode::table || context.quiet) return {};
  Table operators({{"OPERATOR"},
                   {"OUTPUT"},
                   {"SHAPE"},
                   {"MACS", Table::Align::right},
                   {"CONSTANTS", Table::Align::right}});
  for (auto const& op : cost.operators)
    operators.add({op.name, short_name(op.output), shape_text(op.shape), std::to_string(op.macs),
                   std::to_string(op.constant_bytes)});
  context.out << '\n';
  for (auto const& line : operators.lines(false)) context.out << line << '\n';
  draw_memory(context, model, cost);
  return {};
}

auto run_model(Context& context, Arguments const& args) -> Result<> {
  TRY(Bytes const bytes, read_file(args.compiled, limits::kModelBytesMax));
  agent::Threads threads(args.threads);
  TRY(auto engine, engine::Engine::load(bytes, {.path = args.path, .crew = threads.crew()})
                       .within(args.compiled));
  TRY(Bytes const inputs, read_file(args.input, limits::kArtifactBytesMax));
  TRY(Bytes const outputs, compiler::run_rows(engine, inputs, args.keep_state).within(args.input));
  TRY_VOID(write_file(args.output, outputs));
  say(context, args.output + ": " + std::to_string(outputs.size() / engine.output_bytes()) +
                   " rows of " + std::to_string(engine.output_bytes()) + " bytes");
  return {};
}

auto monotonic_ns() -> uint64_t {
  auto const since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

/// An autoencoder: how well its errors tell strange clips from usual ones.
auto evaluate_clips(Context& context, Arguments const& args, engine::Engine& engine,
                    ByteView inputs, ByteView labels) -> Result<> {
  TRY(auto const result,
      compiler::evaluate_anomalies(engine, inputs, labels, args.windows_per_clip, monotonic_ns));
  auto const auc = fixed(result.auc, 4);
  auto const p50_us = static_cast<double>(result.latency_ns_p50) / 1000;
  auto const p99_us = static_cast<double>(result.latency_ns_p99) / 1000;
  auto const object = Json::object({{"clips", static_cast<uint64_t>(result.scores.size())},
                                    {"windows", result.windows},
                                    {"auc", result.auc},
                                    {"path", std::string(engine.path())},
                                    {"latency_us_p50", p50_us},
                                    {"latency_us_p99", p99_us}});
  Table table;
  table.add({"area under curve", auc});
  table.add({"clips", std::to_string(result.scores.size()) + " of " +
                          std::to_string(args.windows_per_clip) + " windows"});
  table.add({"path", std::string(engine.path())});
  table.add({"latency", fixed(p50_us, 1) + " us median, " + fixed(p99_us, 1) + " us p99"});
  print_object(context, object, table, auc);
  return {};
}

auto evaluate(Context& context, Arguments const& args) -> Result<> {
  TRY(Bytes const bytes, read_file(args.compiled, limits::kModelBytesMax));
  agent::Threads threads(args.threads);
  TRY(auto engine, engine::Engine::load(bytes, {.path = args.path, .crew = threads.crew()})
                       .within(args.compiled));
  TRY(Bytes const inputs, read_file(args.input, limits::kArtifactBytesMax));
  TRY(Bytes const labels, read_file(args.labels, limits::kArtifactBytesMax));
  if (args.windows_per_clip > 0) return evaluate_clips(context, args, engine, inputs, labels);
  TRY(auto const result, compiler::evaluate(engine, inputs, labels, monotonic_ns));
  auto const percent = fixed(100 * result.accuracy(), 2) + " %";
  auto const p50_us = static_cast<double>(result.latency_ns_p50) / 1000;
  auto const p99_us = static_cast<double>(result.latency_ns_p99) / 1000;
  Json::Array answers;
  std::string histogram;
  for (uint64_t count : result.answers) {
    answers.emplace_back(count);
    histogram += (histogram.empty() ? "" : " ") + std::to_string(count);
  }
  auto const object = Json::object({{"rows", result.rows},
                                    {"correct", result.correct},
                                    {"accuracy", result.accuracy()},
                                    {"accuracy_percent", percent},
                                    {"path", std::string(engine.path())},
                                    {"answers", Json(std::move(answers))},
                                    {"latency_us_p50", p50_us},
                                    {"latency_us_p99", p99_us}});
  Table table;
  table.add({"accuracy", percent});
  table.add({"correct", std::to_string(result.correct) + " of " + std::to_string(result.rows)});
  table.add({"answers by class", histogram});
  table.add({"path", std::string(engine.path())});
  table.add({"latency", fixed(p50_us, 1) + " us median, " + fixed(p99_us, 1) + " us p99"});
  print_object(context, object, table, percent);
  return {};
}

void add_path_option(CLI::App& command, Arguments& args) {
  std::string names;
  for (auto const& name : engine::path_names()) names += (names.empty() ? "" : ", ") + name;
  command.add_option("--path", args.path, "instruction set of the engine: " + names)
      ->envname("GODWIT_ENGINE_PATH");
  command.add_option("--threads", args.threads, "on which large layers run; outputs are the same")
      ->check(CLI::Range(1u, engine::kCrewMax));
}

void add_data_commands(CLI::App& model, Context& context, std::shared_ptr<Arguments> const& args) {
  auto* run = model.add_subcommand("run", "Run a compiled model over every row of a file");
  run->add_option("COMPILED", args->compiled, "the compiled model")->required();
  run->add_option("--input", args->input, "raw little-endian tensors, row after row")->required();
  run->add_option("--output", args->output, "where the outputs go, in the same form")->required();
  run->add_flag("--keep-state", args->keep_state, "recurrent state runs on from row to row");
  add_path_option(*run, *args);
  does(run, context, [&context, args] { return run_model(context, *args); });

  auto* eval = model.add_subcommand("eval", "Measure a compiled model on labelled rows");
  eval->add_option("COMPILED", args->compiled, "the compiled model")->required();
  eval->add_option("--input", args->input, "raw little-endian tensors, row after row")->required();
  eval->add_option("--labels", args->labels, "one byte a row: the right class")->required();
  eval->add_option(
      "--windows-per-clip", args->windows_per_clip,
      "of an autoencoder: so many rows are one clip, with one label (0: usual, 1: strange); "
      "tells the area under the curve");
  add_path_option(*eval, *args);
  does(eval, context, [&context, args] { return evaluate(context, *args); });
}

}  // namespace

void add_model_commands(CLI::App& app, Context& context) {
  auto* model = group(app, "model", "Compile, inspect and measure models");
  auto const args = std::make_shared<Arguments>();

  auto* show = model->add_subcommand("inspect", "Tell what a compiled model is made of");
  show->add_option("COMPILED", args->compiled, "the compiled model")->required();
  does(show, context, [&context, args] { return inspect(context, *args); });

  add_data_commands(*model, context, args);
}

}  // namespace godwit::cli
