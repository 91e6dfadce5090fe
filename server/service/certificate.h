// The device CA: checks a device's signing request and issues its certificate, with OpenSSL.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"

namespace godwit::server {

class DeviceCa {
 public:
  static auto open(std::filesystem::path const& certificate, std::filesystem::path const& key)
      -> Result<DeviceCa>;
  DeviceCa(DeviceCa&&) noexcept;
  ~DeviceCa();

  struct Request {
    std::shared_ptr<void> csr;  // X509_REQ
    Sha256 public_key_sha256;   // of its SubjectPublicKeyInfo
  };
  /// `invalid` unless it is a PEM request for exactly this CN, of a P-256 key that signed it.
  static auto parse(std::string_view csr_pem, DeviceId const& device) -> Result<Request>;
  /// PEM: client authentication only, a random serial number.
  auto issue(Request const& request, DeviceId const& device, int64_t now_ms, int64_t days) const
      -> Result<std::string>;
  auto certificate_pem() const -> std::string const&;

 private:
  struct State;
  explicit DeviceCa(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace godwit::server
