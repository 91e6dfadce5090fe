// godwit status: is the server there, does it take our token, is it ready, does it raise alarms.
#include "cli/client/servers.h"
#include "cli/commands/options.h"
#include "cli/core/output.h"
#include "cli/view/fields.h"
#include "cli/view/release.h"

namespace godwit::cli {
namespace {

auto status(Context& context) -> Result<> {
  TRY(auto const api, Api::connect(context));
  auto const url = api.endpoint().url.str();
  auto const ready = exchange(api.endpoint(), {.method = "GET", .target = "/readyz"});
  if (!ready) return ready.error();
  bool const is_ready = ready->status == 200;
  // Any list needs a good token.
  TRY(auto const running, api.list("/api/v1/rollouts", 1));
  TRY(auto const models, api.list("/api/v1/models"));
  int64_t failed = 0;
  for (Json const& model : models.items()) failed += number(model, "deltas_failed");
  auto const object = Json::object({{"server", url},
                                    {"ready", is_ready},
                                    {"token", "accepted"},
                                    {"deltas_failed", failed},
                                    {"client", GODWIT_VERSION}});
  Table table;
  table.add({"server", url});
  table.add({"ready", is_ready ? Cell("yes", Style::good) : Cell("no", Style::bad)});
  table.add({"token", "accepted"});
  table.add({"newest rollout", running.size() ? text(running.items().front(), "status") : "none"});
  table.add({"alarms", failed > 0 ? Cell(alarm_text(failed) +
                                             ", full releases are sent: godwit release deltas "
                                             "--state failed",
                                         Style::bad)
                                  : Cell("none")});
  print_object(context, object, table, url);
  if (!is_ready) context.exit = Exit::error;
  return {};
}

}  // namespace

void add_status_commands(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("status", "Ask the server whether it is ready");
  does(command, context, [&context] { return status(context); });
}

}  // namespace godwit::cli
