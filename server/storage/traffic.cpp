#include "server/storage/traffic.h"

namespace godwit::server::store {
namespace {

auto read_traffic(Row& row) -> Traffic {
  Traffic traffic;
  traffic.model = row.text();
  traffic.from = row.text();
  traffic.version = row.text();
  traffic.transport = row.text();
  traffic.devices = row.number();
  traffic.bytes_received = row.number();
  traffic.bytes_saved = row.number();
  return traffic;
}

auto read_tag_traffic(Row& row) -> TagTraffic {
  TagTraffic traffic;
  traffic.tag = row.text();
  traffic.transport = row.text();
  traffic.devices = row.number();
  traffic.bytes_received = row.number();
  traffic.bytes_saved = row.number();
  return traffic;
}

}  // namespace

auto sum_tag_traffic(Tx& tx, size_t tags_max) -> std::vector<TagTraffic> {
  auto const rows = tx.run(
      "WITH place AS (SELECT tag, row_number() OVER (ORDER BY min(number)) AS place"
      "   FROM tag_traffic GROUP BY tag)"
      " SELECT CASE WHEN place <= $1::bigint THEN tag ELSE $2::text END, transport,"
      " sum(devices)::bigint, sum(bytes_received)::bigint,"
      " sum(bytes_full - bytes_received)::bigint"
      " FROM tag_traffic JOIN place USING (tag) GROUP BY 1, 2 ORDER BY 1, 2",
      {tags_max, kOtherTags});
  std::vector<TagTraffic> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    all.push_back(read_tag_traffic(row));
  }
  return all;
}

auto list_tag_traffic(Tx& tx, PageRequest const& page) -> Page<TagTraffic> {
  auto const limit = page_limit(page);
  auto const rows = tx.run(
      "SELECT tag, transport, devices, bytes_received, bytes_full - bytes_received"
      " FROM tag_traffic WHERE devices > 0 AND tag || ' ' || transport > $1"
      " ORDER BY tag || ' ' || transport LIMIT $2",
      {page.cursor, limit + 1});
  return read_page<TagTraffic>(rows, limit, read_tag_traffic,
                               [](TagTraffic const& t) { return t.tag + ' ' + t.transport; });
}

auto sum_traffic(Tx& tx) -> std::vector<Traffic> {
  auto const rows = tx.run(
      "SELECT t.model, '', t.version, t.transport, sum(t.devices)::bigint,"
      " sum(t.bytes_received)::bigint, sum(t.devices * r.size - t.bytes_received)::bigint"
      " FROM release_traffic t JOIN release r ON r.model = t.model AND r.version = t.version"
      " GROUP BY 1, 3, 4 ORDER BY 1, 3, 4");
  std::vector<Traffic> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    all.push_back(read_traffic(row));
  }
  return all;
}

auto list_traffic(Tx& tx, ModelName const& model, PageRequest const& page) -> Page<Traffic> {
  auto const limit = page_limit(page);
  auto const rows = tx.run(
      "SELECT t.model, t.from_version, t.version, t.transport, t.devices, t.bytes_received,"
      " t.devices * r.size - t.bytes_received"
      " FROM release_traffic t JOIN release r ON r.model = t.model AND r.version = t.version"
      " WHERE t.model = $1 AND t.devices > 0"
      " AND t.version || ' ' || t.from_version || ' ' || t.transport > $2"
      " ORDER BY t.version || ' ' || t.from_version || ' ' || t.transport LIMIT $3",
      {model, page.cursor, limit + 1});
  return read_page<Traffic>(rows, limit, read_traffic, [](Traffic const& t) {
    return t.version + ' ' + t.from + ' ' + t.transport;
  });
}

}  // namespace godwit::server::store
