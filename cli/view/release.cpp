#include "cli/view/release.h"

#include <map>

#include "cli/core/format.h"
#include "cli/core/terminal.h"
#include "cli/view/fields.h"

namespace godwit::cli {
namespace {

using enum Table::Align;

auto is_yanked(Json const& release) -> bool {
  auto const* yanked = release.find("yanked");
  return yanked && !yanked->is_null();
}

auto version_cell(Json const& release) -> Cell {
  auto const version = text(release, "version");
  return is_yanked(release) ? Cell(version, Style::faint) : Cell(version);
}

/// How many bytes a device received in the mean.
auto each_device(Json const& way) -> std::string {
  auto const devices = fraction(way, "devices");
  auto const received = fraction(way, "bytes_received");
  if (!devices || !received || *devices <= 0) return "-";
  return format_bytes(static_cast<int64_t>(*received / *devices));
}

/// An older server does not say so itself.
auto is_alarm(Json const& delta) -> bool {
  return text(delta, "state") == "failed";
}

/// Why a delta is not there, and how often that was tried.
auto reason_cell(Json const& delta, int64_t now_s) -> Cell {
  auto const reason = text(delta, "reason");
  if (text(delta, "failed_at") == "-" || reason == "-" || text(delta, "state") == "ready")
    return reason;
  auto const tries = number(delta, "tries");
  auto told = (tries == 1 ? "1 try" : std::to_string(tries) + " tries") + " failed, last " +
              age_text(delta, "failed_at", now_s) + ": " + reason;
  return is_alarm(delta) ? Cell(std::move(told), Style::bad) : Cell(std::move(told));
}

auto delta_name(Json const& delta) -> std::string {
  return text(delta, "model") + " " + text(delta, "from") + " -> " + text(delta, "to") + " (" +
         text(delta, "format") + ")";
}

}  // namespace

auto alarm_text(int64_t failed) -> std::string {
  return failed == 1 ? "1 delta failed" : std::to_string(failed) + " deltas failed";
}

auto models_table(Json const& models, int64_t now_s) -> Table {
  Table table({"MODEL", "KIND", "CREATED", "ALARMS"});
  for (Json const& model : models.items()) {
    auto const* name = model.find("name") ? "name" : "model";
    auto const failed = number(model, "deltas_failed");
    table.add({text(model, name), text(model, "kind"), age_text(model, "created_at", now_s),
               failed > 0 ? Cell(alarm_text(failed), Style::bad) : Cell("-")});
  }
  return table;
}

auto releases_table(Json const& releases, int64_t now_s) -> Table {
  Table table(
      {"VERSION", "PARENT", "CHANNEL", {"SIZE", right}, {"PLAIN", right}, "CREATED", "STATE"});
  for (Json const& release : releases.items()) {
    table.add({version_cell(release), text(release, "parent"), text(release, "channel"),
               size_text(release, "size_bytes"), size_text(release, "plain_size_bytes"),
               age_text(release, "created_at", now_s),
               is_yanked(release) ? Cell("yanked: " + text(release, "yanked"), Style::bad)
                                  : Cell("good")});
  }
  return table;
}

auto release_table(Json const& release) -> Table {
  Table table;
  table.add({"release", text(release, "model") + " " + text(release, "version")});
  table.add({"parent", text(release, "parent")});
  table.add({"channel", text(release, "channel")});
  table.add({"notes", text(release, "notes")});
  if (is_yanked(release)) table.add({"yanked", Cell(text(release, "yanked"), Style::bad)});
  table.add({"sha256", text(release, "sha256")});
  table.add({"size", size_text(release, "size_bytes")});
  table.add({"plain sha256", text(release, "plain_sha256")});
  table.add({"plain size", size_text(release, "plain_size_bytes")});
  table.add({"release counter", text(release, "release_counter")});
  table.add({"created", text(release, "created_at")});
  for (auto const* part : {"requires", "gate"})
    if (auto const* object = release.find(part))
      for (auto const& [name, value] : object->members())
        table.add({std::string(part) + " " + name,
                   value.is_array() ? joined(*object, name) : text(*object, name)});
  return table;
}

auto deltas_table(Json const& deltas, Models models, int64_t now_s) -> Table {
  bool const all = models == Models::all;
  Table::Column const size{"SIZE", right}, full{"FULL", right}, of_full{"OF FULL", right},
      time{"TIME", right}, devices{"DEVICES", right}, saved{"SAVED", right};
  auto table = all ? Table({"MODEL", "FROM", "TO", "FORMAT", "STATE", size, full, of_full, time,
                            "MODE", devices, saved, "REASON"})
                   : Table({"FROM", "TO", "FORMAT", "STATE", size, full, of_full, time, "MODE",
                            devices, saved, "REASON"});
  for (Json const& delta : deltas.items()) {
    auto const bytes = fraction(delta, "size_bytes");
    auto const full_bytes = fraction(delta, "full_size_bytes");
    auto const seconds = fraction(delta, "seconds");
    std::vector<Cell> row = {
        text(delta, "from"),
        text(delta, "to"),
        text(delta, "format"),
        state_cell(text(delta, "state")),
        size_text(delta, "size_bytes"),
        size_text(delta, "full_size_bytes"),
        bytes && full_bytes && *full_bytes > 0 ? format_share(*bytes / *full_bytes) : "-",
        seconds ? format_us(static_cast<int64_t>(*seconds * 1e6)) : "-",
        text(delta, "mode"),
        text(delta, "downloads"),
        size_text(delta, "bytes_saved"),
        reason_cell(delta, now_s)};
    if (all) row.insert(row.begin(), text(delta, "model"));
    table.add(std::move(row));
  }
  return table;
}

auto delta_table(Json const& deltas, int64_t now_s) -> Table {
  Table table;
  for (Json const& delta : deltas.items()) {
    auto const seconds = fraction(delta, "seconds");
    auto const ago = [&](char const* when) {
      auto const time = text(delta, when);
      return time == "-" ? time : time + " (" + age_text(delta, when, now_s) + ")";
    };
    table.add({"delta", Cell(delta_name(delta), Style::active)});
    table.add({"state", state_cell(text(delta, "state"))});
    if (is_alarm(delta))
      table.add({"alarm", Cell("full releases are sent until it is asked for again: godwit delta "
                               "request " +
                                   text(delta, "model") + " " + text(delta, "from") + " " +
                                   text(delta, "to"),
                               Style::bad)});
    table.add({"reason", text(delta, "reason")});
    table.add({"tries", text(delta, "tries")});
    table.add({"failed", ago("failed_at")});
    table.add({"next try", text(delta, "next_try_at")});
    table.add({"asked for by", text(delta, "requested_by")});
    table.add({"asked for", ago("requested_at")});
    table.add({"size", size_text(delta, "size_bytes")});
    table.add({"full release", size_text(delta, "full_size_bytes")});
    table.add({"time", seconds ? format_us(static_cast<int64_t>(*seconds * 1e6)) : "-"});
    table.add({"mode", text(delta, "mode")});
    table.add({"decoder memory", size_text(delta, "patch_ram_bytes")});
    table.add({"devices that came by it", text(delta, "downloads")});
    table.add({"bytes received", size_text(delta, "bytes_received")});
    table.add({"bytes saved", size_text(delta, "bytes_saved")});
  }
  return table;
}

auto traffic_table(Json const& traffic) -> Table {
  Table table({"FROM",
               "TO",
               "BY",
               {"DEVICES", right},
               {"RECEIVED", right},
               {"A DEVICE", right},
               {"SAVED", right}});
  for (Json const& way : traffic.items())
    table.add({text(way, "from"), text(way, "to"), text(way, "transport"), text(way, "devices"),
               size_text(way, "bytes_received"), each_device(way), size_text(way, "bytes_saved")});
  return table;
}

auto tag_traffic_table(Json const& traffic) -> Table {
  Table table({"TAG",
               "BY",
               {"DEVICES", right},
               {"RECEIVED", right},
               {"A DEVICE", right},
               {"SAVED", right}});
  for (Json const& way : traffic.items())
    table.add({text(way, "tag"), text(way, "transport"), text(way, "devices"),
               size_text(way, "bytes_received"), each_device(way), size_text(way, "bytes_saved")});
  return table;
}

auto downloads_table(Json const& attempts, Json const& release, int64_t now_s) -> Table {
  Table table({"DEVICE",
               "FROM",
               "STATE",
               "BY",
               {"RECEIVED", right},
               {"OF FULL", right},
               {"ROLLOUT", right},
               "UPDATED"});
  auto const full = fraction(release, "size_bytes");
  for (Json const& attempt : attempts.items()) {
    auto const received = fraction(attempt, "bytes_received");
    table.add({text(attempt, "device"), text(attempt, "from_version"),
               state_cell(text(attempt, "state")), text(attempt, "transport"),
               size_text(attempt, "bytes_received"),
               received && full && *full > 0 ? format_share(*received / *full) : "-",
               text(attempt, "rollout"), age_text(attempt, "updated_at", now_s)});
  }
  return table;
}

auto release_history(Json const& releases, std::string const& version) -> Result<Json> {
  std::map<std::string, Json const*> by_version;
  for (Json const& release : releases.items()) by_version[text(release, "version")] = &release;
  Json history = Json::array();
  for (auto at = version; history.size() <= by_version.size();) {
    auto const found = by_version.find(at);
    // A parent may be unknown (published elsewhere), the version that was asked for may not.
    if (found == by_version.end()) break;
    history.push_back(*found->second);
    at = text(*found->second, "parent");
  }
  if (history.size() == 0) return not_found("there is no release " + version);
  return history;
}

auto release_log(Json const& history, int64_t now_s, bool color) -> std::vector<std::string> {
  std::vector<std::string> lines;
  for (Json const& release : history.items()) {
    if (!lines.empty()) lines.emplace_back();
    auto heading =
        styled(printable("release " + text(release, "version"), false), Style::active, color);
    if (text(release, "channel") != "-")
      heading += printable(" (" + text(release, "channel") + ")");
    if (is_yanked(release))
      heading += styled(printable(" yanked: " + text(release, "yanked"), false), Style::bad, color);
    lines.push_back(std::move(heading));
    lines.push_back("Date:    " + printable(text(release, "created_at"), false) + " (" +
                    age_text(release, "created_at", now_s) + ")");
    lines.push_back("Parent:  " + printable(text(release, "parent"), false));
    lines.push_back("SHA-256: " + printable(text(release, "plain_sha256"), false) + ", " +
                    size_text(release, "plain_size_bytes"));
    if (text(release, "notes") == "-") continue;
    lines.emplace_back();
    auto const notes = printable(text(release, "notes"));
    for (size_t start = 0; start < notes.size();) {
      size_t const end = std::min(notes.find('\n', start), notes.size());
      lines.push_back("    " + notes.substr(start, end - start));
      start = end + 1;
    }
  }
  return lines;
}

}  // namespace godwit::cli
