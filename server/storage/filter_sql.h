// A filter as a condition on the tables device (d), device_state (s), and device_component.
#pragma once

#include "server/domain/fiql.h"
#include "server/storage/db.h"

namespace godwit::server::store {

/// Appends the parameters and answers the condition; every value of the filter is a parameter.
auto filter_sql(FilterNode const& filter, std::vector<Param>& params) -> std::string;

}  // namespace godwit::server::store
