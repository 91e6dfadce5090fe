// What devices say, whatever the transport, and what is sent to them.
#pragma once

#include <variant>

#include "server/domain/entities.h"

namespace godwit::server {

struct Core;

/// A message for one device: a hint (at least once) or an acknowledgement (at most once).
struct DownMessage {
  DeviceId device;
  std::variant<proto::JobHint, proto::Ack> content;
};

/// How hints of the scheduler leave the server; implemented by the link. Called on the scheduler's
/// thread after the commit; a hint that is lost falls due again.
class DeviceNotifier {
 public:
  virtual ~DeviceNotifier() = default;
  virtual void send(DownMessage const& message) = 0;
};

/// One uplink message of one device, decoded.
struct UpMessage {
  DeviceId device;
  std::variant<proto::Hello, proto::JobReport, proto::Presence> content;
};

class DeviceLink {
 public:
  explicit DeviceLink(Core& core) : core_(core) {}

  /// Each commits before it returns what to send: an acknowledgement means durable. Errors
  /// (`denied`: unknown or revoked device; `retry`: database) mean nothing changed and nothing is
  /// to be acknowledged.
  auto on_hello(DeviceId const& device, proto::Hello const& hello)
      -> Result<std::vector<DownMessage>>;
  auto on_job_report(DeviceId const& device, proto::JobReport const& report)
      -> Result<std::vector<DownMessage>>;
  auto on_presence(DeviceId const& device, proto::Presence const& presence)
      -> Result<std::vector<DownMessage>>;

  /// Many messages in one transaction (one commit, one fsync). If it fails each is tried alone, and
  /// those that fail again are left out of the answer: their devices repeat them.
  auto on_batch(std::vector<UpMessage> messages) -> std::vector<DownMessage>;

 private:
  Core& core_;
};

}  // namespace godwit::server
