// Releases, their history, their deltas and how they came to devices, as tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/core/output.h"
#include "proto/json/json.h"

namespace godwit::cli {

auto models_table(Json const& models, int64_t now_s) -> Table;
auto releases_table(Json const& releases, int64_t now_s) -> Table;
auto release_table(Json const& release) -> Table;
/// Of one model, or of all, each with its model's name.
enum class Models : uint8_t { one, all };
auto deltas_table(Json const& deltas, Models models, int64_t now_s) -> Table;
/// All about each delta of a pair.
auto delta_table(Json const& deltas, int64_t now_s) -> Table;
/// "2 deltas failed".
auto alarm_text(int64_t failed) -> std::string;
auto traffic_table(Json const& traffic) -> Table;
/// By tags of devices.
auto tag_traffic_table(Json const& traffic) -> Table;
/// What each device fetched of a release of that size.
auto downloads_table(Json const& attempts, Json const& release, int64_t now_s) -> Table;

/// The releases from `version` back along their parents, newest first. `not_found` when the
/// version is not among them.
auto release_history(Json const& releases, std::string const& version) -> Result<Json>;
/// As `git log` shows commits: a heading and the notes of each.
auto release_log(Json const& history, int64_t now_s, bool color) -> std::vector<std::string>;

}  // namespace godwit::cli
