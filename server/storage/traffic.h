// How releases came to devices: kept by a trigger on attempts that succeed (migrations/0003).
// Called inside a transaction.
#pragma once

#include "server/domain/entities.h"
#include "server/storage/db.h"
#include "server/storage/page.h"

namespace godwit::server::store {

/// Of all models, by release and way.
auto sum_traffic(Tx& tx) -> std::vector<Traffic>;
/// Of one model, by pair of releases and way.
auto list_traffic(Tx& tx, ModelName const& model, PageRequest const& page) -> Page<Traffic>;

}  // namespace godwit::server::store
