// The KeyStore port on the identity's sealing key (a file of mode 0600).
#pragma once

#include "agent/core/ports.h"
#include "agent/linux/identity.h"

namespace godwit::agent {

class FileKeys : public KeyStore {
 public:
  static auto open(Files const& identity, DeviceId const& device) -> Result<FileKeys> {
    TRY(auto const pem, load_text(identity, identity_file::kSealingKey));
    TRY(auto key, proto::SealingKey::from_pem(pem).within(identity_file::kSealingKey));
    return FileKeys(std::move(key), device);
  }
  auto unwrap(proto::WrappedKey const& wrapped, Sha256 const& artifact)
      -> Result<proto::ContentKey> override {
    return key_.unwrap(wrapped, device_.str(), artifact);
  }

 private:
  FileKeys(proto::SealingKey key, DeviceId device)
      : key_(std::move(key)), device_(std::move(device)) {}
  proto::SealingKey key_;
  DeviceId device_;
};

}  // namespace godwit::agent
