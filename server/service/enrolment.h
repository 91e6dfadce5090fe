// Enrolment tokens, and the one exchange by which a device gets its certificate.
#pragma once

#include "server/domain/entities.h"

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

 private:
  Core& core_;
};

}  // namespace godwit::server
