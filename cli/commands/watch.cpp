#include "cli/commands/watch.h"

#include <chrono>
#include <ctime>
#include <optional>
#include <ostream>
#include <utility>

#include "cli/core/output.h"
#include "cli/core/screen.h"
#include "cli/core/terminal.h"
#include "cli/view/fields.h"
#include "cli/view/live.h"
#include "cli/view/rollout.h"

namespace godwit::cli {
namespace {

using Steady = std::chrono::steady_clock;

class Watch {
 public:
  Watch(Context& context, Api const& api, std::string path, int64_t timeout_s)
      : context_(context), api_(api), path_(std::move(path)) {
    if (timeout_s) deadline_ = Steady::now() + std::chrono::seconds(timeout_s);
    auto const mode = output_mode(context);
    json_ = mode == OutputMode::json || mode == OutputMode::jsonl;
    if (mode == OutputMode::table && stdout_is_terminal() && !context.quiet) screen_.emplace();
  }

  auto run() -> Result<>;

 private:
  auto snapshot() -> Result<>;
  auto on_event(Event const& event) -> Result<bool>;
  auto on_tick() -> Result<>;
  auto on_key(char key) -> Result<>;
  void steer(char const* verb);
  auto footer() const -> std::string;
  void take_rollout(Json const& rollout);
  void take_attempt(Json const& attempt);
  void tell(char const* kind, Json const& value, LiveRollout::Change const& change);
  void draw();
  void finish();

  Context& context_;
  Api const& api_;
  std::string path_;
  LiveRollout live_;
  bool json_ = false;
  std::optional<Screen> screen_;
  std::optional<Steady::time_point> deadline_;
  Steady::time_point drawn_;
  std::string trouble_;      // said below the page while the stream is broken
  std::string notice_;       // what became of the last key
  bool asks_abort_ = false;  // the next key answers
};

auto Watch::run() -> Result<> {
  // Before the stream, so that an unknown rollout or a bad token is told at once.
  TRY_VOID(snapshot());
  if (!live_.ended()) {
    Api::Follow follow;
    follow.on_open = [this] {
      trouble_.clear();
      return snapshot();
    };
    follow.on_event = [this](Event const& event) { return on_event(event); };
    follow.on_tick = [this] { return on_tick(); };
    follow.on_lost = [this](Error const& error) {
      trouble_ = error.what;
      if (!screen_) say(context_, "godwit: " + error.what + "; trying again");
    };
    auto followed = api_.follow(path_ + "/events", follow);
    if (!followed) {
      screen_.reset();
      return followed;
    }
    // The last numbers of the devices may have come after the end of the rollout.
    TRY_VOID(snapshot());
  }
  finish();
  return {};
}

auto Watch::snapshot() -> Result<> {
  TRY(auto const attempts, api_.list(path_ + "/attempts"));
  TRY(auto const rollout, api_.get(path_));
  if (!live_.known()) take_rollout(rollout);
  for (Json const& attempt : attempts.items()) take_attempt(attempt);
  take_rollout(rollout);
  draw();
  return {};
}

auto Watch::on_event(Event const& event) -> Result<bool> {
  if (event.type != "rollout" && event.type != "attempt") return true;
  TRY(auto const value, Json::parse(event.data).within("an event of the server"));
  if (event.type == "rollout")
    take_rollout(value);
  else
    take_attempt(value);
  return !live_.ended();
}

auto Watch::on_tick() -> Result<> {
  if (screen_ && Screen::stop_asked()) return on_key('q');
  while (auto const key = screen_ ? screen_->key() : std::nullopt) TRY_VOID(on_key(*key));
  if (deadline_ && Steady::now() >= *deadline_) {
    context_.exit = Exit::declined;
    return retry("the time is over; the rollout goes on");
  }
  // At most five times a second, for no eye follows more.
  if (screen_ && Steady::now() - drawn_ >= std::chrono::milliseconds(200)) draw();
  return {};
}

auto Watch::on_key(char key) -> Result<> {
  notice_.clear();
  if (key == 'q') {
    context_.exit = Exit::interrupted;
    return retry("left; the rollout goes on");
  }
  bool const answers = std::exchange(asks_abort_, key == 'a' && !asks_abort_);
  bool const paused = text(live_.rollout(), "state") == "paused";
  if (answers && key == 'y') steer("abort");
  if (!answers && key == 'p') steer(paused ? "resume" : "pause");
  draw();
  return {};
}

/// What it did comes back as an event.
void Watch::steer(char const* verb) {
  auto const after = api_.hurried().post(path_ + "/" + verb, Json::object());
  notice_ = after ? text(*after, "status") : after.error().what;
}

auto Watch::footer() const -> std::string {
  auto const& rollout = live_.rollout();
  if (asks_abort_)
    return "Abort for good, with " + std::to_string(number(rollout, "counts.succeeded")) + " of " +
           text(rollout, "devices") + " devices updated? y aborts, any other key does not";
  if (!trouble_.empty()) return "not connected: " + trouble_;
  if (!notice_.empty()) return notice_;
  bool const paused = text(rollout, "state") == "paused";
  return std::string("q leaves, ") + (paused ? "p resumes" : "p pauses") + ", a aborts";
}

void Watch::take_rollout(Json const& rollout) {
  tell("rollout", rollout, live_.apply_rollout(rollout));
}

void Watch::take_attempt(Json const& attempt) {
  tell("attempt", attempt, live_.apply_attempt(attempt));
}

void Watch::tell(char const* kind, Json const& value, LiveRollout::Change const& change) {
  if (screen_ || !change.news) return;
  if (json_) {
    auto const object = Json::object({{"event", kind}, {kind, value}});
    context_.out << select_fields(object, context_.fields).dump() << std::endl;
    return;
  }
  if (context_.quiet || change.line.empty()) return;
  char time[16] = "";
  std::time_t const now = std::time(nullptr);
  std::tm parts = {};
  if (localtime_r(&now, &parts)) std::strftime(time, sizeof time, "%H:%M:%S", &parts);
  context_.out << time << ' ' << printable(change.line, false) << std::endl;
}

void Watch::draw() {
  if (!screen_) return;
  drawn_ = Steady::now();
  auto const size = terminal_size();
  auto lines =
      rollout_page(live_.rollout(), live_.attempts(), std::time(nullptr), use_color(context_),
                   {.rows_max = size.rows - 2, .columns_max = size.columns});
  if (lines.size() + 2 > size.rows) lines.resize(size.rows - 2);
  lines.emplace_back();
  lines.push_back(shortened(printable(footer(), false), size.columns));
  screen_->draw(lines);
}

void Watch::finish() {
  bool const was_live = screen_.has_value();
  screen_.reset();
  if (was_live)
    for (auto const& line :
         rollout_page(live_.rollout(), live_.attempts(), std::time(nullptr), use_color(context_)))
      context_.out << line << '\n';
  if (!live_.succeeded()) context_.exit = Exit::rolled_back;
}

}  // namespace

auto watch_rollout(Context& context, Api const& api, std::string const& id, int64_t timeout_s)
    -> Result<> {
  return Watch(context, api, "/api/v1/rollouts/" + escaped(id), timeout_s).run();
}

}  // namespace godwit::cli
