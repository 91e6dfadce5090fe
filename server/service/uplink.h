// The messages of one transaction, whose devices' state rows are locked: judged one after another
// in memory, written together. Used by DeviceLink alone.
#pragma once

#include <map>
#include <set>

#include "server/service/device_link.h"
#include "server/storage/attempts.h"
#include "server/storage/devices.h"

namespace godwit::server {

class Uplink {
 public:
  /// Locks the rows of all devices, in order of id, before anything is changed.
  Uplink(Tx& tx, std::vector<UpMessage> const& messages, int64_t now_ms);

  /// False when the device is unknown or revoked.
  auto take(UpMessage const& message) -> Result<bool>;
  /// Writes what the reports changed. After the last message, and before what reads it.
  auto flush() -> Result<>;
  auto answers() && -> std::vector<DownMessage> { return std::move(answers_); }

 private:
  auto on(DeviceId const& device, store::LockedState& state, proto::Hello const& hello) -> Result<>;
  auto on(DeviceId const& device, store::LockedState& state, proto::JobReport const& report)
      -> Result<>;
  auto on(DeviceId const& device, store::LockedState& state, proto::Presence const& presence)
      -> Result<>;
  /// The reason to refuse the report, or nothing.
  auto objection(Attempt const& attempt, proto::JobReport const& report) -> std::string_view;
  auto proves_success(Attempt const& attempt, proto::JobReport const& report) -> bool;
  auto stop_looping(store::ReportedAttempt& attempt) -> Result<>;
  void acknowledge(DeviceId const& device, proto::JobReport const& report);
  void refuse(DeviceId const& device, proto::JobReport const& report, std::string_view error,
              Attempt const* attempt);

  using Key = std::pair<std::string, AttemptNo>;
  Tx& tx_;
  int64_t now_ms_;
  std::map<std::string, store::LockedState, std::less<>> states_;
  std::map<Key, store::ReportedAttempt> attempts_;
  std::set<std::string> heard_;  // devices whose report guard rose
  std::vector<DownMessage> answers_;
};

}  // namespace godwit::server
