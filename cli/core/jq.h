// Filters of jq (https://jqlang.github.io/jq/manual/v1.6/) over what a command prints as JSON.
#pragma once

#include <string>

#include "cli/core/context.h"
#include "proto/json/json.h"

namespace godwit::cli {

/// What context.jq makes of `json`, one result a line; text without its quotes, as jq -r does.
/// `invalid`, with exit code 2, for a filter that does not compile; `invalid` for one that fails.
auto filter_json(Context& context, Json const& json) -> Result<std::string>;

}  // namespace godwit::cli
