#include "server/storage/devices.h"

#include "server/storage/attempts.h"
#include "server/storage/filter_sql.h"

namespace godwit::server::store {
namespace {

#define DEVICE_SELECT                                                                           \
  "SELECT d.id, d.hardware_id, d.arch, d.engine_version, d.ram, d.flash, d.patch_version,"      \
  " d.patch_ram, d.patch_steps, d.patch_rate, d.tags, d.attributes,"                            \
  " s.online, to_ms(s.last_seen_at), to_ms(d.enrolled_at), d.rev,"                              \
  " to_ms(d.certificate_until),"                                                                \
  " (SELECT jsonb_object_agg(component, jsonb_build_array(version, other_version))"             \
  "  FROM device_component WHERE device_id = d.id),"                                            \
  " a.device_id IS NOT NULL, " ATTEMPT_COLUMNS                                                  \
  " FROM device d JOIN device_state s ON s.device_id = d.id"                                    \
  " LEFT JOIN LATERAL (SELECT * FROM attempt WHERE device_id = d.id ORDER BY n DESC LIMIT 1) a" \
  " ON true WHERE d.revoked_at IS NULL AND "

auto string_or_null(Json const& json) -> std::optional<std::string> {
  auto text = json.as_string();
  return text ? std::optional(*std::move(text)) : std::nullopt;
}

auto read_components(std::string const& text) -> std::map<std::string, ComponentState> {
  std::map<std::string, ComponentState> components;
  auto const json = Json::parse(text);
  if (!json) return components;
  for (auto const& [name, versions] : json->members())
    if (versions.items().size() == 2)
      components[name] = {string_or_null(versions.items()[0]), string_or_null(versions.items()[1])};
  return components;
}

auto read_attributes(std::string const& text) -> std::map<std::string, std::string> {
  std::map<std::string, std::string> attributes;
  auto const json = Json::parse(text);
  if (!json) return attributes;
  for (auto const& [key, value] : json->members())
    if (auto item = string_or_null(value)) attributes[key] = *item;
  return attributes;
}

auto read_device(Row& row) -> Device {
  Device d;
  d.id = row.text();
  d.hardware_id = row.text();
  d.arch = row.text();
  d.engine_version = row.natural32();
  d.ram_bytes = row.natural();
  d.flash_bytes = row.natural();
  d.patch_version = row.natural32();
  d.patch_ram_bytes = row.natural();
  d.patch_steps = row.natural32();
  d.patch_rate_bytes_per_s = row.natural();
  d.tags = row.texts();
  d.attributes = read_attributes(row.text());
  d.online = row.flag();
  d.last_seen_at_ms = row.number_or_null();
  d.enrolled_at_ms = row.number();
  d.rev = row.number();
  d.certificate_until_ms = row.number_or_null();
  if (auto const components = row.text_or_null()) d.components = read_components(*components);
  if (row.flag()) d.attempt = read_attempt(row);
  return d;
}

auto read_filter(Row& row) -> Filter {
  Filter f;
  f.name = row.text();
  f.query = row.text();
  f.created_at_ms = row.number();
  f.rev = row.number();
  return f;
}

}  // namespace

auto find_device(Tx& tx, std::string_view id) -> std::optional<Device> {
  auto const rows = tx.run(DEVICE_SELECT "d.id = $1", {id});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  return read_device(row);
}

auto list_devices(Tx& tx, FilterNode const& filter, PageRequest const& page) -> Page<Device> {
  auto const limit = page_limit(page);
  std::vector<Param> params = {page.cursor, limit + 1};
  auto const condition = filter_sql(filter, params);
  auto const rows = tx.run_composed(
      DEVICE_SELECT "d.id > $1::text AND " + condition + " ORDER BY d.id LIMIT $2::bigint", params);
  return read_page<Device>(rows, limit, read_device, [](Device const& d) { return d.id; });
}

auto candidates(Tx& tx, FilterNode const& filter, std::string_view model)
    -> std::vector<Candidate> {
  std::vector<Param> params = {model};
  auto const condition = filter_sql(filter, params);
  auto const rows = tx.run_composed(
      "SELECT d.id, d.hardware_id, d.arch, d.engine_version, d.ram, d.flash, c.version,"
      " c.plain_sha256, EXISTS (SELECT 1 FROM attempt a WHERE a.device_id = d.id"
      "   AND a.model = $1::text AND a.state < 'succeeded')"
      " FROM device d JOIN device_state s ON s.device_id = d.id"
      " LEFT JOIN device_component c ON c.device_id = d.id AND c.component = $1::text"
      " WHERE d.revoked_at IS NULL AND " +
          condition + " ORDER BY d.id",
      params);
  std::vector<Candidate> all(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    auto& c = all[i];
    c.id = row.text();
    c.view.hardware_id = row.text();
    c.view.arch = row.text();
    c.view.engine_version = row.natural32();
    c.view.ram_bytes = row.natural();
    c.view.flash_bytes = row.natural();
    c.running_version = row.text_or_null();
    c.running_sha256 = row.sha256_or_null();
    c.busy = row.flag();
  }
  return all;
}

auto patch_device(Tx& tx, std::string_view id, std::optional<std::vector<std::string>> const& tags,
                  std::optional<std::string> const& attributes_json, std::optional<int64_t> rev)
    -> bool {
  return tx.run(
               "UPDATE device SET tags = coalesce($2::text[], tags),"
               " attributes = coalesce($3::jsonb, attributes), rev = rev + 1"
               " WHERE id = $1 AND revoked_at IS NULL AND ($4::bigint IS NULL OR rev = $4)",
               {id, tags, attributes_json, rev})
             .affected() > 0;
}

auto revoke_device(Tx& tx, std::string_view id, std::optional<int64_t> if_rev, int64_t now_ms)
    -> bool {
  return tx.run(
               "UPDATE device SET revoked_at = from_ms($2), rev = rev + 1"
               " WHERE id = $1 AND revoked_at IS NULL AND rev = coalesce($3::bigint, rev)",
               {id, now_ms, if_rev})
             .affected() > 0;
}

auto find_identity(Tx& tx, std::string_view id) -> std::optional<Identity> {
  auto const rows = tx.run(
      "SELECT public_key_sha256, sealing_key, revoked_at IS NOT NULL FROM device WHERE id = $1",
      {id});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  Identity identity;
  identity.public_key_sha256 = row.sha256();
  identity.sealing_key = row.bytes();
  identity.revoked = row.flag();
  return identity;
}

auto insert_device(Tx& tx, NewDevice const& device, int64_t now_ms) -> bool {
  auto const inserted = tx.run(
      "INSERT INTO device (id, hardware_id, attributes, public_key_sha256, sealing_key,"
      " enrolled_at) VALUES ($1, $2, $3::jsonb, $4, $5, from_ms($6)) ON CONFLICT DO NOTHING",
      {device.id, device.hardware_id, device.attributes_json, device.public_key_sha256,
       device.sealing_key, now_ms});
  if (inserted.affected() == 0) return false;
  tx.run("INSERT INTO device_state (device_id) VALUES ($1)", {device.id});
  return true;
}

void renew_device(Tx& tx, NewDevice const& device) {
  tx.run("UPDATE device SET sealing_key = $2 WHERE id = $1", {device.id, device.sealing_key});
  tx.run(
      "UPDATE device_state SET hello_epoch = 0, hello_seq = 0, report_epoch = 0, report_seq = 0"
      " WHERE device_id = $1",
      {device.id});
}

auto lock_states(Tx& tx, std::vector<std::string> const& ids) -> std::vector<LockedState> {
  auto const rows = tx.run(
      "SELECT s.device_id, hello_epoch, hello_seq, report_epoch, report_seq FROM device_state s"
      " WHERE s.device_id = ANY($1::text[]) AND EXISTS (SELECT 1 FROM device d"
      "   WHERE d.id = s.device_id AND d.revoked_at IS NULL)"
      " ORDER BY s.device_id FOR NO KEY UPDATE",
      {ids});
  std::vector<LockedState> states(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    states[i].id = row.text();
    states[i].hello_epoch = row.natural();
    states[i].hello_seq = row.natural();
    states[i].report_epoch = row.natural();
    states[i].report_seq = row.natural();
  }
  return states;
}

static void store_components(Tx& tx, std::string_view id, proto::Hello const& hello) {
  std::vector<std::string> names;
  for (auto const& [name, component] : hello.components) {
    store_component(tx, id, name, component);
    names.push_back(name);
  }
  tx.run("DELETE FROM device_component WHERE device_id = $1 AND component <> ALL($2::text[])",
         {id, names});
}

void store_hello(Tx& tx, std::string_view id, proto::Hello const& hello, bool components,
                 int64_t now_ms) {
  auto const& f = hello.facts;
  tx.run(
      "UPDATE device SET hardware_id = $2, arch = $3, engine_version = $4, ram = $5, flash = $6,"
      " agent = $7, patch_version = $8, patch_ram = $9, patch_steps = $10,"
      " patch_rate = $11 WHERE id = $1 AND"
      " (hardware_id, arch, engine_version, ram, flash, agent, patch_version, patch_ram,"
      "  patch_steps, patch_rate) IS DISTINCT FROM ($2, $3, $4::bigint, $5::bigint, $6::bigint, $7,"
      "  $8::bigint, $9::bigint, $10::bigint, $11::bigint)",
      {id, f.hardware_id, f.arch, f.engine_version, f.ram_bytes, f.flash_bytes, hello.agent,
       f.patch_version, f.patch_ram_bytes, f.patch_steps, f.patch_rate_bytes_per_s});
  if (components) store_components(tx, id, hello);
  tx.run(
      "UPDATE device_state SET online = true, hello_epoch = $2, hello_seq = $3,"
      " last_seen_at = from_ms($4) WHERE device_id = $1",
      {id, hello.epoch, hello.seq, now_ms});
}

void store_component(Tx& tx, std::string_view id, std::string_view model,
                     proto::ComponentReport const& c) {
  using Text = std::optional<std::string>;
  using Hash = std::optional<Sha256>;
  tx.run(
      "INSERT INTO device_component AS c (device_id, component, version, plain_sha256,"
      " other_version, other_plain_sha256) VALUES ($1, $2, $3, $4, $5, $6)"
      " ON CONFLICT (device_id, component) DO UPDATE SET version = excluded.version,"
      " plain_sha256 = excluded.plain_sha256, other_version = excluded.other_version,"
      " other_plain_sha256 = excluded.other_plain_sha256"
      " WHERE (c.version, c.plain_sha256, c.other_version, c.other_plain_sha256) IS DISTINCT FROM"
      " (excluded.version, excluded.plain_sha256, excluded.other_version,"
      "  excluded.other_plain_sha256)",
      {id, model, c.running ? Text(c.running->version) : Text(),
       c.running ? Hash(c.running->plain_sha256) : Hash(),
       c.other ? Text(c.other->version) : Text(), c.other ? Hash(c.other->plain_sha256) : Hash()});
}

void store_reports_seen(Tx& tx, std::vector<LockedState const*> const& states, int64_t now_ms) {
  std::vector<std::string> ids;
  std::vector<int64_t> epochs, seqs;
  for (auto const* state : states) {
    ids.push_back(state->id);
    epochs.push_back(static_cast<int64_t>(state->report_epoch));
    seqs.push_back(static_cast<int64_t>(state->report_seq));
  }
  tx.run(
      "UPDATE device_state s SET report_epoch = u.epoch, report_seq = u.seq,"
      " last_seen_at = from_ms($4)"
      " FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u (device_id, epoch, seq)"
      " WHERE s.device_id = u.device_id",
      {ids, epochs, seqs, now_ms});
}

void store_presence(Tx& tx, std::string_view id, proto::Presence const& presence, int64_t now_ms) {
  tx.run(
      "UPDATE device_state SET online = $3, last_seen_at = from_ms($4)"
      " WHERE device_id = $1 AND hello_epoch <= $2",
      {id, presence.epoch, presence.online, now_ms});
}

auto running_plaintext(Tx& tx, std::string_view id, std::string_view model)
    -> std::optional<Sha256> {
  auto const rows =
      tx.run("SELECT plain_sha256 FROM device_component WHERE device_id = $1 AND component = $2",
             {id, model});
  if (rows.empty()) return std::nullopt;
  return rows[0].sha256_or_null();
}

auto next_director_version(Tx& tx, std::string_view id) -> std::optional<int64_t> {
  auto const rows = tx.run(
      "UPDATE device_state SET director_version = director_version + 1 WHERE device_id = $1"
      " RETURNING director_version",
      {id});
  if (rows.empty()) return std::nullopt;
  return rows[0].number();
}

auto find_filter(Tx& tx, std::string_view name) -> std::optional<Filter> {
  auto const rows = tx.run(
      "SELECT name, query, to_ms(created_at), rev FROM device_filter WHERE name = $1", {name});
  if (rows.empty()) return std::nullopt;
  auto row = rows[0];
  return read_filter(row);
}

auto list_filters(Tx& tx, PageRequest const& page) -> Page<Filter> {
  auto const limit = page_limit(page);
  auto const rows = tx.run(
      "SELECT name, query, to_ms(created_at), rev FROM device_filter WHERE name > $1"
      " ORDER BY name LIMIT $2",
      {page.cursor, limit + 1});
  return read_page<Filter>(rows, limit, read_filter, [](Filter const& f) { return f.name; });
}

auto put_filter(Tx& tx, std::string_view name, std::string_view query, std::optional<int64_t> rev,
                int64_t now_ms) -> bool {
  if (!rev || *rev == 0) {
    auto const inserted = tx.run(
        "INSERT INTO device_filter (name, query, created_at) VALUES ($1, $2, from_ms($3))"
        " ON CONFLICT DO NOTHING",
        {name, query, now_ms});
    if (inserted.affected() > 0) return true;
    if (rev) return false;
  }
  return tx.run(
               "UPDATE device_filter SET query = $2, rev = rev + 1"
               " WHERE name = $1 AND ($3::bigint IS NULL OR rev = $3)",
               {name, query, rev})
             .affected() > 0;
}

auto delete_filter(Tx& tx, std::string_view name, std::optional<int64_t> if_rev) -> bool {
  return tx.run("DELETE FROM device_filter WHERE name = $1 AND rev = coalesce($2::bigint, rev)",
                {name, if_rev})
             .affected() > 0;
}

}  // namespace godwit::server::store
