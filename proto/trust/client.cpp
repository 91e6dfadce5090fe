#include "proto/trust/client.h"

#include <algorithm>

#include "proto/base/limits.h"

namespace godwit::proto {
namespace {

/// A document whose signatures hold for that role of the root.
auto open_signed(std::string_view text, size_t bytes_max, Root const& root, std::string const& role)
    -> Result<SignedDocument> {
  TRY(auto document, SignedDocument::parse(text, bytes_max).within(role));
  auto const trusted = root.roles.find(role);
  if (trusted == root.roles.end()) return denied("the root names no role '" + role + "'");
  TRY_VOID(document.verify(trusted->second, root.keys));
  return document;
}

auto open_targets(std::string_view text, Root const& root) -> Result<SignedDocument> {
  return open_signed(text, limits::kMetadataBytesMax, root, "targets");
}

/// What bounds the next targets.json: nothing, if none is stored or the root trusts it no longer.
/// That is how a stolen targets key, which signed a version too high to follow, is recovered from.
struct Stored {
  int64_t version = 0;
  Json body;
};
auto stored_targets(TrustedState const& state, Root const& root) -> Stored {
  auto document = open_targets(state.targets, root);
  if (!document) return {};
  auto const targets = parse_targets(document->body());
  return targets ? Stored{targets->version, document->body()} : Stored{};
}

}  // namespace

auto open_root(std::string_view text) -> Result<Root> {
  TRY(auto document, SignedDocument::parse(text, limits::kRootBytesMax).within("root"));
  TRY(auto root, parse_root(document.body()).within("root"));
  TRY_VOID(document.verify(root.roles.at("root"), root.keys));
  return root;
}

auto advance_root(TrustedState& state, std::string_view next) -> Result<> {
  TRY(auto old, open_root(state.root));
  TRY_VOID(open_signed(next, limits::kRootBytesMax, old, "root").within("by the trusted root"));
  TRY(auto root, open_root(next));
  if (root.version != old.version + 1)
    return denied("root " + std::to_string(root.version) + " does not follow root " +
                  std::to_string(old.version));
  state.root = next;
  return {};
}

auto advance_targets(TrustedState& state, std::string_view next, int64_t now_s,
                     DeviceId const* device) -> Result<Targets> {
  TRY(auto root, open_root(state.root));
  if (root.expires_s <= now_s) return denied("the root has expired");
  TRY(auto document, open_targets(next, root));
  TRY(auto targets, parse_targets(document.body()).within("targets"));
  if (targets.device_id != (device ? device->str() : ""))
    return denied(device ? "targets: made for another device" : "targets: made for one device");
  auto const stored = stored_targets(state, root);
  if (targets.version < stored.version)
    return denied("targets: version " + std::to_string(targets.version) + " after version " +
                  std::to_string(stored.version));
  if (targets.version == stored.version && !(document.body() == stored.body))
    return denied("targets: another document of version " + std::to_string(targets.version));
  if (targets.expires_s <= now_s) return denied("targets: expired");
  state.targets = next;
  return targets;
}

auto trusted_targets(TrustedState const& state) -> Result<Targets> {
  if (state.targets.empty()) return not_found("no targets are stored yet");
  TRY(auto root, open_root(state.root));
  TRY(auto document, open_targets(state.targets, root));
  return parse_targets(document.body()).within("targets");
}

auto agree(Targets const& image, Targets const& director, ModelName const& model)
    -> Result<Agreed> {
  auto const prefix = "models/" + model.str() + "/";
  auto const named = director.targets.lower_bound(prefix);
  if (named == director.targets.end() || !named->first.starts_with(prefix))
    return not_found("the Director names nothing for '" + model.str() + "'");
  if (auto const other = std::next(named);
      other != director.targets.end() && other->first.starts_with(prefix))
    return denied("the Director names two releases of '" + model.str() + "'");
  auto const& [path, wanted] = *named;
  if (!wanted.assignment) return denied(path + ": the Director assigns nothing");
  auto const offered = image.targets.find(path);
  if (offered == image.targets.end()) return denied(path + ": not in the Image repository");
  auto const& signed_ = offered->second;
  if (signed_.length != wanted.length || signed_.sha256 != wanted.sha256)
    return denied(path + ": Image and Director name different artifacts");
  if (!signed_.release || target_path(signed_.release->model, signed_.release->version) != path)
    return denied(path + ": the Image repository names another release there");
  return Agreed{path, signed_, wanted};
}

auto check_requires(Requires const& required, DeviceView const& device) -> Result<> {
  auto const& ids = required.hardware_ids;
  if (!ids.empty() && std::find(ids.begin(), ids.end(), device.hardware_id) == ids.end())
    return denied("made for other hardware than '" + device.hardware_id + "'");
  if (!required.arch.empty() && required.arch != device.arch)
    return denied("needs the processor " + required.arch + ", not " + device.arch);
  auto const least = [](std::string_view what, uint64_t needs, uint64_t has) -> Result<> {
    if (has >= needs) return {};
    return denied("needs " + std::string(what) + " " + std::to_string(needs) + ", there is " +
                  std::to_string(has));
  };
  TRY_VOID(least("engine version", required.engine_version, device.engine_version));
  TRY_VOID(least("RAM bytes", required.ram_bytes, device.ram_bytes));
  return least("flash bytes", required.flash_bytes, device.flash_bytes);
}

auto check_release_counter(ReleaseInfo const& release, uint64_t floor) -> Result<> {
  if (release.release_counter >= floor) return {};
  return denied("release counter " + std::to_string(release.release_counter) +
                " is below this device's floor of " + std::to_string(floor));
}

}  // namespace godwit::proto
