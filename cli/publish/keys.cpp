#include "cli/publish/keys.h"

#include "cli/core/files.h"
#include "cli/core/staged_folder.h"
#include "proto/trust/client.h"

namespace godwit::cli {
namespace {

using proto::PublicKey;
using proto::Role;
using proto::Root;
using proto::SealingKey;
using proto::SigningKey;
using proto::Targets;

auto role_of(std::vector<SigningKey> const& keys, uint32_t threshold) -> Role {
  Role role{.key_ids = {}, .threshold = threshold};
  for (auto const& key : keys) role.key_ids.push_back(key.public_key().id());
  return role;
}

/// A first root: `online` holds every role but the root's own. Snapshot and timestamp have a key
/// because TUF asks for one; giving them their own is a rotation of the root.
auto first_root(std::vector<SigningKey> const& root_keys, uint32_t threshold,
                SigningKey const& online, int64_t expires_s) -> Result<std::string> {
  Root root;
  root.expires_s = expires_s;
  for (auto const& key : root_keys) root.keys.emplace(key.public_key().id(), key.public_key());
  root.keys.emplace(online.public_key().id(), online.public_key());
  root.roles.emplace("root", role_of(root_keys, threshold));
  for (auto const* name : {"targets", "snapshot", "timestamp"})
    root.roles.emplace(name, role_of({online}, 1));
  return proto::sign_document(proto::to_json(root), root_keys);
}

auto add_key(StagedFolder const& staged, std::string const& name, std::string pem) -> Result<> {
  auto added = staged.add_file(name, as_bytes(pem), Access::owner);
  proto::cleanse({reinterpret_cast<uint8_t*>(pem.data()), pem.size()});
  return added;
}

auto add_text(StagedFolder const& staged, std::string const& name, std::string const& text)
    -> Result<> {
  return staged.add_file(name, as_bytes(text), Access::everybody);
}

auto add_image(StagedFolder const& staged, KeyPlan const& plan) -> Result<> {
  std::vector<SigningKey> root_keys;
  for (int i = 1; i <= plan.root_keys; ++i) {
    root_keys.push_back(SigningKey::generate());
    TRY_VOID(add_key(staged, "root-" + std::to_string(i) + ".key", root_keys.back().pem()));
  }
  auto const targets_key = SigningKey::generate();
  TRY_VOID(add_key(staged, "targets.key", targets_key.pem()));
  TRY(auto root, first_root(root_keys, static_cast<uint32_t>(plan.root_threshold), targets_key,
                            plan.root_expires_s));
  TRY_VOID(add_text(staged, "image/root.json", root));
  Targets none;
  none.expires_s = plan.targets_expires_s;
  TRY(auto targets, proto::sign_document(proto::to_json(none), {targets_key}));
  return add_text(staged, "image/targets.json", targets);
}

auto add_director(StagedFolder const& staged, KeyPlan const& plan) -> Result<> {
  auto const root_key = SigningKey::generate();
  auto const online = SigningKey::generate();
  TRY_VOID(add_key(staged, "director-root.key", root_key.pem()));
  TRY_VOID(add_key(staged, "director.key", online.pem()));
  TRY(auto root, first_root({root_key}, 1, online, plan.root_expires_s));
  return add_text(staged, "director/root.json", root);
}

}  // namespace

auto init_keys(KeyFolder const& keys, KeyPlan const& plan) -> Result<> {
  if (plan.root_keys < 1 || plan.root_keys > kRootKeysMax || plan.root_threshold < 1 ||
      plan.root_threshold > plan.root_keys)
    return invalid("there must be 1 to " + std::to_string(kRootKeysMax) +
                   " root keys, and a threshold from 1 to their number");
  TRY(auto staged, StagedFolder::create(keys.folder));
  TRY_VOID(add_image(staged, plan));
  TRY_VOID(add_director(staged, plan));
  auto const server = SealingKey::generate();
  TRY_VOID(add_key(staged, "server-seal.key", server.pem()));
  TRY_VOID(add_text(staged, "server-seal.pub", to_base64(server.public_bytes()) + "\n"));
  return staged.commit();
}

auto read_server_public(KeyFolder const& keys) -> Result<Bytes> {
  constexpr uint64_t kBytesMax = 256;
  TRY(auto bytes, read_file(keys.server_public(), kBytesMax));
  std::string text(as_text(bytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return from_base64(text).within(keys.server_public().string());
}

}  // namespace godwit::cli
