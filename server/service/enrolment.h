// Enrolment tokens, and the one exchange by which a device gets its certificate.
#pragma once

#include "server/domain/entities.h"
#include "server/service/certificate.h"

namespace godwit::server {

struct Core;

struct EnrolmentToken {
  std::string id;
  std::string token;  // only in the answer to create
  std::string note;
  uint32_t uses_left = 0;
  int64_t expires_at_ms = 0;
};

struct EnrolRequest {
  std::string token;
  DeviceId device;
  std::string csr;    // PEM, P-256, CN = device id
  Bytes sealing_key;  // X25519 public, 32 bytes
  std::string hardware_id;
  std::map<std::string, std::string> attributes;
};

struct Enrolled {
  std::string device;
  std::string certificate;  // PEM
  std::string ca;           // PEM of the device CA
  int64_t until_ms = 0;     // that the certificate is good
};

class Enrolment {
 public:
  explicit Enrolment(Core& core) : core_(core) {}

  auto create_token(uint32_t uses, int64_t expires_in_s, std::string const& note)
      -> Result<EnrolmentToken>;
  auto tokens(PageRequest const& page) -> Result<Page<EnrolmentToken>>;
  auto delete_token(std::string const& id) -> Result<>;

  /// `denied`: token unknown, used up or expired; `invalid`: CSR; `conflict`: id taken by another
  /// key. The same key again gets a new certificate and uses nothing up.
  auto enrol(EnrolRequest const& request) -> Result<Enrolled>;
  /// Another certificate for the key that `device` is enrolled with, which signed `csr`; the caller
  /// has shown the one before. Those before stay good until they expire. `invalid`: the request;
  /// `conflict`: another key; `retry`: too often today.
  auto renew(DeviceId const& device, std::string const& csr) -> Result<Enrolled>;

 private:
  auto issue(DeviceId const& device, DeviceCa::Request const& csr) -> Result<Enrolled>;

  Core& core_;
};

}  // namespace godwit::server
