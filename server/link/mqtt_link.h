// The server's connection to the MQTT 5 broker: one member of the shared subscription to what all
// devices say, and the way of hints and acknowledgements to them. libmosquitto, one thread.
#pragma once

#include <memory>

#include "server/runtime/config.h"
#include "server/runtime/metrics.h"
#include "server/service/device_link.h"

namespace godwit::server {

/// Where messages of devices go: commits, then returns what to send. Called from several threads,
/// never at once for the same device.
using UplinkSink = std::function<std::vector<DownMessage>(std::vector<UpMessage>)>;

class MqttLink : public DeviceNotifier {
 public:
  /// Connects in the background, again and again with growing pauses; errors here are of the
  /// configuration only.
  static auto start(MqttConfig const& config, UplinkSink sink, Metrics& metrics)
      -> Result<std::unique_ptr<MqttLink>>;
  ~MqttLink() override;

  /// Without a connection the message is dropped: hints fall due again, reports are repeated.
  void send(DownMessage const& message) override;
  auto connected() const -> bool;
  /// Takes in no more, works through what waits, sends the acknowledgements, disconnects.
  void stop();

 private:
  class Impl;
  explicit MqttLink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace godwit::server
