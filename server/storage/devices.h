// Devices, what they say of themselves, and named filters, as rows. Called inside a transaction.
#pragma once

#include "server/domain/fiql.h"
#include "server/domain/rollout.h"
#include "server/storage/db.h"

namespace godwit::server::store {

/// Revoked devices are not found and not listed.
auto find_device(Tx& tx, std::string_view id) -> std::optional<Device>;
auto list_devices(Tx& tx, FilterNode const& filter, PageRequest const& page) -> Page<Device>;
/// Every device that the filter selects, as rollout planning needs it for that model.
auto candidates(Tx& tx, FilterNode const& filter, std::string_view model) -> std::vector<Candidate>;
/// False when `rev` is given and not the present one (or the device is gone).
auto patch_device(Tx& tx, std::string_view id, std::optional<std::vector<std::string>> const& tags,
                  std::optional<std::string> const& attributes_json, std::optional<int64_t> rev)
    -> bool;
/// False when it was revoked already or never known.
auto revoke_device(Tx& tx, std::string_view id, std::optional<int64_t> if_rev, int64_t now_ms)
    -> bool;

struct Identity {
  Sha256 public_key_sha256;
  Bytes sealing_key;
  bool revoked = false;
};
auto find_identity(Tx& tx, std::string_view id) -> std::optional<Identity>;
struct NewDevice {
  std::string id;
  std::string hardware_id;
  std::string attributes_json;
  Sha256 public_key_sha256;
  Bytes sealing_key;
};
/// False when the id is taken.
auto insert_device(Tx& tx, NewDevice const& device, int64_t now_ms) -> bool;
/// The same device enrols again: a new sealing key, and its message counters start from zero.
void renew_device(Tx& tx, NewDevice const& device);

/// The row that every change of a device's state or attempts holds first; several in order of id.
struct LockedState {
  std::string id;
  uint64_t hello_epoch = 0;
  uint64_t hello_seq = 0;
  uint64_t report_epoch = 0;
  uint64_t report_seq = 0;
};
/// Devices that are unknown or revoked are missing in the answer.
auto lock_states(Tx& tx, std::vector<std::string> const& ids) -> std::vector<LockedState>;

/// `components`: false when a report that is newer than this hello has told of them already.
void store_hello(Tx& tx, std::string_view id, proto::Hello const& hello, bool components,
                 int64_t now_ms);
void store_component(Tx& tx, std::string_view id, std::string_view model,
                     proto::ComponentReport const& component);
/// The report guards of these devices, as they are now.
void store_reports_seen(Tx& tx, std::vector<LockedState const*> const& states, int64_t now_ms);
/// Changes nothing when the epoch is older than the newest hello's.
void store_presence(Tx& tx, std::string_view id, proto::Presence const& presence, int64_t now_ms);
auto running_plaintext(Tx& tx, std::string_view id, std::string_view model)
    -> std::optional<Sha256>;
auto next_director_version(Tx& tx, std::string_view id) -> std::optional<int64_t>;

auto find_filter(Tx& tx, std::string_view name) -> std::optional<Filter>;
auto list_filters(Tx& tx, PageRequest const& page) -> Page<Filter>;
/// False when `rev` is given and not the present one; 0: there must be none.
auto put_filter(Tx& tx, std::string_view name, std::string_view query, std::optional<int64_t> rev,
                int64_t now_ms) -> bool;
auto delete_filter(Tx& tx, std::string_view name, std::optional<int64_t> if_rev) -> bool;

}  // namespace godwit::server::store
