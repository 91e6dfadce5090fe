// Root's body (TUF specification 4.3), read and written.
#include <algorithm>
#include <set>

#include "proto/trust/metadata.h"
#include "proto/trust/metadata_common.h"

namespace godwit::proto {
namespace {

constexpr size_t kKeysMax = 256;
constexpr size_t kRoleKeysMax = 64;

auto parse_role(Json const& json) -> Result<Role> {
  Role role;
  TRY(auto threshold, get_bounded(json, "threshold", 1, kKeysMax));
  role.threshold = static_cast<uint32_t>(threshold);
  TRY(auto ids, json.get_array("keyids"));
  if (ids.size() > kRoleKeysMax) return invalid("'keyids' are too many");
  for (auto const& item : ids.items()) {
    TRY(auto id, item.as_string().within("'keyids'"));
    if (std::find(role.key_ids.begin(), role.key_ids.end(), id) != role.key_ids.end())
      return invalid("'keyids' names a key twice");
    role.key_ids.push_back(std::move(id));
  }
  return role;
}

auto role_json(Role const& role) -> Json {
  auto ids = Json::array();
  for (auto const& id : role.key_ids) ids.push_back(id);
  return Json::object({{"keyids", std::move(ids)}, {"threshold", role.threshold}});
}

}  // namespace

auto parse_root(Json const& body) -> Result<Root> {
  Root root;
  TRY(auto head, parse_head(body, "root"));
  root.version = head.version;
  root.expires_s = head.expires_s;
  TRY(root.consistent_snapshot, body.get_bool_or("consistent_snapshot", false));
  TRY(auto keys, body.get_object("keys"));
  if (keys.size() > kKeysMax) return invalid("'keys' are too many");
  for (auto const& [id, json] : keys.members()) {
    TRY(auto key, PublicKey::from_json(json).within("'keys'"));
    // Two ids for one key would let one signer count twice.
    if (key.id() != id) return invalid("'keys': an id is not the hash of its key");
    root.keys.emplace(id, std::move(key));
  }
  TRY(auto roles, body.get_object("roles"));
  for (auto const* name : {"root", "targets", "snapshot", "timestamp"}) {
    TRY(auto json, roles.get_object(name).within("'roles'"));
    TRY(auto role, parse_role(json).within(name));
    root.roles.emplace(name, std::move(role));
  }
  return root;
}

auto to_json(Root const& root) -> Json {
  auto keys = Json::object();
  for (auto const& [id, key] : root.keys) keys.set(id, key.json());
  auto roles = Json::object();
  for (auto const& [name, role] : root.roles) roles.set(name, role_json(role));
  auto body = head_json("root", root.version, root.expires_s);
  body.set("consistent_snapshot", root.consistent_snapshot);
  body.set("keys", std::move(keys));
  body.set("roles", std::move(roles));
  return body;
}

}  // namespace godwit::proto
