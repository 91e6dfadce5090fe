// The KeyStore port on files of mode 0600: the identity's sealing key, and a storage key that is
// made at the first start. A PKCS#11 token or a TPM would be another class beside this one.
#pragma once

#include "agent/core/ports.h"
#include "agent/linux/identity.h"

namespace godwit::agent {

class FileKeys : public KeyStore {
 public:
  /// Makes the storage key where there is none that can be read. `identity` must outlive it.
  static auto open(Files& identity, DeviceId const& device) -> Result<FileKeys>;
  /// Whether this start made it: what another one sealed cannot be opened any more.
  auto made_storage_key() const -> bool { return made_storage_key_; }

  auto unwrap(proto::WrappedKey const& wrapped, Sha256 const& artifact)
      -> Result<proto::ContentKey> override;
  auto lock(proto::ContentKey const& key) -> Result<Bytes> override;
  auto unlock(ByteView locked) -> Result<proto::ContentKey> override;
  auto seals_records() const -> bool override { return seals_records_; }
  auto begin_sealing_records() -> Result<> override;

 private:
  FileKeys(Files& identity, proto::SealingKey sealing, proto::ContentKey storage, DeviceId device)
      : identity_(&identity),
        sealing_(std::move(sealing)),
        storage_(std::move(storage)),
        device_(std::move(device)) {}
  Files* identity_;
  proto::SealingKey sealing_;
  proto::ContentKey storage_;
  DeviceId device_;
  bool made_storage_key_ = false;
  bool seals_records_ = false;
};

}  // namespace godwit::agent
