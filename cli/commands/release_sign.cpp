// godwit release sign: seals a compiled model, signs what it is, and writes the bundle to push.
#include "cli/commands/options.h"
#include "cli/core/output.h"
#include "cli/publish/release.h"

namespace godwit::cli {
namespace {

struct Options {
  std::string compiled, model, version, keys, bundle, parent, notes, channel;
  std::optional<uint64_t> release_counter;
  proto::Requires required;
  double accuracy_drop_points = 5;
  double psi = 0.25;
  std::optional<uint64_t> latency_p99_us;
  std::optional<double> error_rate;
  uint32_t soak_inferences = 249;
  int days = 180;
};

auto request_of(Context& context, Options const& options) -> Result<ReleaseRequest> {
  auto const wrong = [&](auto const& result) { return usage(context, result.error().what); };
  auto const model = ModelName::parse(options.model);
  if (!model) return wrong(model);
  auto const version = Version::parse(options.version);
  if (!version) return wrong(version);
  ReleaseRequest request{.model = *model, .version = *version};
  if (!options.parent.empty()) {
    auto const parent = Version::parse(options.parent);
    if (!parent) return wrong(parent);
    request.parent = *parent;
  }
  request.notes = options.notes;
  request.channel = options.channel;
  request.release_counter = options.release_counter;
  request.requires_ = options.required;
  request.gate = {.soak_inferences = options.soak_inferences,
                  .accuracy_drop_points_max = options.accuracy_drop_points,
                  .psi_max = options.psi,
                  .latency_p99_us_max = options.latency_p99_us,
                  .error_rate_max = options.error_rate};
  request.targets_expires_s = now_s() + options.days * kDaySeconds;
  return request;
}

auto sign(Context& context, Options const& options) -> Result<> {
  TRY(auto const request, request_of(context, options));
  TRY(auto const made,
      sign_release({options.keys}, options.compiled, request, options.bundle, now_s()));
  auto const& info = *made.target.release;
  auto const object = Json::object({{"model", options.model},
                                    {"version", options.version},
                                    {"path", made.path},
                                    {"sha256", made.target.sha256.hex()},
                                    {"size_bytes", made.target.length},
                                    {"plain_sha256", info.plain_sha256.hex()},
                                    {"plain_size_bytes", info.plain_length},
                                    {"release_counter", info.release_counter},
                                    {"targets_version", made.targets_version},
                                    {"bundle", options.bundle}});
  Table table;
  table.add({"release", options.model + " " + options.version});
  table.add({"bundle", options.bundle});
  table.add({"sealed", std::to_string(made.target.length) + " bytes, " + made.target.sha256.hex()});
  table.add({"model", std::to_string(info.plain_length) + " bytes, " + info.plain_sha256.hex()});
  table.add({"targets version", std::to_string(made.targets_version)});
  print_object(context, object, table, options.bundle);
  return {};
}

void add_requirements(CLI::App* command, Options& options) {
  auto const title = "What a device must be";
  auto& required = options.required;
  command->add_option("--hardware-id", required.hardware_ids, "one of these; may be repeated")
      ->allow_extra_args(false)
      ->group(title);
  command->add_option("--arch", required.arch, "its processor: x86_64, aarch64, armv7")
      ->group(title);
  command->add_option("--ram", required.ram_bytes, "bytes of RAM (what the model's arena needs)")
      ->group(title);
  command->add_option("--flash", required.flash_bytes, "bytes of a slot (what the model takes)")
      ->group(title);
  command
      ->add_option("--release-counter", options.release_counter,
                   "raised by a security fix: devices never go below it (that of the last release)")
      ->group(title);
}

void add_gate(CLI::App* command, Options& options) {
  auto const title = "What ends its trial";
  command
      ->add_option("--gate-accuracy-drop", options.accuracy_drop_points,
                   "percentage points lost against the release before")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str()
      ->group(title);
  command->add_option("--gate-psi", options.psi, "population stability index of its outputs")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(title);
  command
      ->add_option("--gate-latency-p99-us", options.latency_p99_us,
                   "microseconds in which 99 of 100 inferences must be done")
      ->group(title);
  command->add_option("--gate-error-rate", options.error_rate, "failed inferences, as a part of 1")
      ->check(CLI::Range(0.0, 1.0))
      ->group(title);
  command
      ->add_option("--soak-inferences", options.soak_inferences, "inferences of a trial, at least")
      ->capture_default_str()
      ->group(title);
}

}  // namespace

void add_release_sign_commands(CLI::App& app, Context& context) {
  auto* releases = group(app, "release", "Releases of models: sign, push, list, promote, yank");
  auto const options = std::make_shared<Options>();
  auto* command = releases->add_subcommand("sign", "Seal and sign a compiled model as a release");
  argument(command, "COMPILED", options->compiled, "what godwit model compile wrote");
  command->add_option("--model", options->model, "the family it belongs to")->required();
  command->add_option("--version", options->version, "MAJOR.MINOR.PATCH")->required();
  command->add_option("--keys", options->keys, "the folder that godwit keys init made")->required();
  command->add_option("-o", options->bundle, "the folder to write, for godwit release push")
      ->required()
      ->type_name("BUNDLE");
  command->add_option("--parent", options->parent, "the version it was made from");
  command->add_option("--notes", options->notes, "for people");
  command->add_option("--channel", options->channel, "stable, beta, ...");
  command->add_option("--days", options->days, "until the image targets expire")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  add_requirements(command, *options);
  add_gate(command, *options);
  does(command, context, [&context, options] { return sign(context, *options); });
}

}  // namespace godwit::cli
