// How releases came to devices: kept by triggers on attempts that succeed (migrations/0003, 0006).
// Called inside a transaction.
#pragma once

#include "server/domain/entities.h"
#include "server/storage/db.h"
#include "server/storage/page.h"

namespace godwit::server::store {

/// Of all models, by release and way.
auto sum_traffic(Tx& tx) -> std::vector<Traffic>;
/// By tag and way. Tags beyond the first `tags_max` that were counted are one, kOtherTags: metrics
/// must not grow with what operators write, nor a series go away again.
auto sum_tag_traffic(Tx& tx, size_t tags_max) -> std::vector<TagTraffic>;
constexpr std::string_view kOtherTags = "(others)";  // no tag can be called so
/// By tag and way, all of them.
auto list_tag_traffic(Tx& tx, PageRequest const& page) -> Page<TagTraffic>;
/// Of one model, by pair of releases and way.
auto list_traffic(Tx& tx, ModelName const& model, PageRequest const& page) -> Page<Traffic>;

}  // namespace godwit::server::store
