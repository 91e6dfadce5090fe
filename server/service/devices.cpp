#include "server/service/devices.h"

#include "server/service/core.h"
#include "server/storage/attempts.h"
#include "server/storage/devices.h"

namespace godwit::server {
namespace {

constexpr size_t kTagsMax = 64;

auto require_device(Tx& tx, DeviceId const& id) -> Result<Device> {
  auto device = store::find_device(tx, id.str());
  if (!device) return not_found("no device '" + id.str() + "'");
  return *std::move(device);
}

auto check_patch(DevicePatch const& patch) -> Result<> {
  if (patch.tags) {
    if (patch.tags->size() > kTagsMax) return invalid("more than 64 tags");
    for (auto const& tag : *patch.tags) TRY_VOID(check_label(tag, "tags"));
  }
  if (patch.attributes) {
    TRY_VOID(check_attributes(*patch.attributes));
  }
  return {};
}

auto attributes_json(DevicePatch const& patch) -> std::optional<std::string> {
  if (!patch.attributes) return std::nullopt;
  auto json = Json::object();
  for (auto const& [key, value] : *patch.attributes) json.set(key, value);
  return json.dump();
}

auto require_filter(Tx& tx, std::string const& name) -> Result<Filter> {
  auto filter = store::find_filter(tx, name);
  if (!filter) return not_found("no filter '" + name.substr(0, 64) + "'");
  return *std::move(filter);
}

}  // namespace

auto Devices::get(DeviceId const& id) -> Result<Device> {
  return core_.database->transact([&](Tx& tx) { return require_device(tx, id); });
}

auto Devices::list(std::string const& query, PageRequest const& page) -> Result<Page<Device>> {
  TRY(auto const filter, parse_filter(query));
  return core_.database->transact(
      [&](Tx& tx) -> Result<Page<Device>> { return store::list_devices(tx, filter, page); });
}

auto Devices::patch(DeviceId const& id, DevicePatch const& patch, std::optional<int64_t> if_rev)
    -> Result<Device> {
  TRY_VOID(check_patch(patch));
  return core_.database->transact([&](Tx& tx) -> Result<Device> {
    TRY_VOID(require_device(tx, id));
    if (!store::patch_device(tx, id.str(), patch.tags, attributes_json(patch), if_rev))
      return conflict("the device was changed meanwhile");
    return require_device(tx, id);
  });
}

auto Devices::revoke(DeviceId const& id, std::optional<int64_t> if_rev) -> Result<> {
  return core_.database->transact([&](Tx& tx) -> Result<> {
    store::lock_states(tx, {id.str()});
    if (!store::revoke_device(tx, id.str(), if_rev, core_.now_ms())) {
      TRY_VOID(require_device(tx, id));
      return conflict("the device was changed meanwhile");
    }
    store::cancel_of_device(tx, id.str(), core_.now_ms());
    return {};
  });
}

auto Devices::attempts(DeviceId const& id, PageRequest const& page) -> Result<Page<Attempt>> {
  return core_.database->transact([&](Tx& tx) -> Result<Page<Attempt>> {
    TRY_VOID(require_device(tx, id));
    return store::attempts_of_device(tx, id.str(), page);
  });
}

auto Devices::filter(std::string const& name) -> Result<Filter> {
  return core_.database->transact([&](Tx& tx) { return require_filter(tx, name); });
}

auto Devices::filters(PageRequest const& page) -> Result<Page<Filter>> {
  return core_.database->transact(
      [&](Tx& tx) -> Result<Page<Filter>> { return store::list_filters(tx, page); });
}

auto Devices::put_filter(std::string const& name, std::string const& query,
                         std::optional<int64_t> if_rev) -> Result<Filter> {
  TRY_VOID(check_label(name, "name"));
  TRY_VOID(parse_filter(query));
  return core_.database->transact([&](Tx& tx) -> Result<Filter> {
    if (!store::put_filter(tx, name, query, if_rev, core_.now_ms()))
      return conflict("the filter was changed meanwhile");
    return require_filter(tx, name);
  });
}

auto Devices::delete_filter(std::string const& name, std::optional<int64_t> if_rev) -> Result<> {
  return core_.database->transact([&](Tx& tx) -> Result<> {
    if (store::delete_filter(tx, name, if_rev)) return {};
    TRY_VOID(require_filter(tx, name));
    return conflict("the filter was changed meanwhile");
  });
}

}  // namespace godwit::server
