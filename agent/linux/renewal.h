// Renewal of the device's certificate before it expires: for the same key, asked for over the
// connection that the present one opens. The present one stays until the next one has opened a
// connection too, so that any cut leaves a certificate that is good (docs/agent-linux.md).
#pragma once

#include <optional>

#include "agent/linux/https_client.h"
#include "agent/linux/identity.h"

namespace godwit::agent {

/// Seconds since 1970.
struct CertificateTimes {
  int64_t begin_s = 0;
  int64_t end_s = 0;
};
/// `corrupt` when it is no certificate in PEM.
auto certificate_times(std::string_view pem) -> Result<CertificateTimes>;

/// When to ask for another: once `left_s` is left, without it a third of its time. Devices that
/// were enrolled together spread over a quarter of that.
auto renew_at_s(CertificateTimes const& times, DeviceId const& device,
                std::optional<int64_t> left_s) -> int64_t;

class Renewal {
 public:
  struct Settings {
    DeviceId device;
    std::string device_url;
    TlsFiles files;  // of the present certificate
    std::optional<int64_t> left_s = {};
    int interrupt_fd = -1;
  };
  /// `identity` holds what Settings::files names.
  Renewal(Settings settings, Files& identity)
      : settings_(std::move(settings)), identity_(identity) {}

  /// Whether it is time, and not too soon after the last try.
  auto due(int64_t now_s, int64_t now_monotonic_ms) -> bool;
  /// Asks by `present`, proves the answer and keeps it: a client that shows the new certificate.
  /// After an error the present one is as good as before; due() waits an hour.
  auto renew(HttpsClient& present) -> Result<HttpsClient>;

 private:
  auto ask(HttpsClient& present, std::string_view key) -> Result<std::string>;
  auto prove() -> Result<HttpsClient>;

  Settings settings_;
  Files& identity_;
  std::optional<int64_t> at_s_;  // when the present one is to be renewed
  int64_t not_before_ms_ = 0;    // monotonic
};

}  // namespace godwit::agent
