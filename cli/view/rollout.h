// Rollouts: tables, the page of one rollout, and the plan of one that is only tried.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/core/output.h"
#include "proto/json/json.h"

namespace godwit::cli {

auto rollouts_table(Json const& rollouts, int64_t now_s) -> Table;

/// The page of one rollout: heading, status sentence, phases, attempts. `rollout show` prints it
/// and `rollout watch` draws it, so that both say the same. At most `rows_max` lines (0: all), each
/// at most `columns_max` wide (0: any): what does not fit is left out at the bottom, and said.
struct PageSize {
  size_t rows_max = 0;
  size_t columns_max = 0;
};
auto rollout_page(Json const& rollout, Json const& attempts, int64_t now_s, bool color,
                  PageSize size = {}) -> std::vector<std::string>;

/// What a dry run found: phases, then the devices that are left out and why.
auto plan_lines(Json const& plan, bool color) -> std::vector<std::string>;

/// Phases as the server wants them. `percents`: "20,100", cumulative and rising, at most 100; each
/// may carry its own rule: "20:success=90:soak=10m". The defaults are for phases without one.
struct PhaseDefaults {
  double success_percent = -1;  // negative: the server's
  int64_t soak_s = 0;
};
auto parse_phases(std::vector<std::string> const& percents, PhaseDefaults const& defaults)
    -> Result<Json>;

}  // namespace godwit::cli
