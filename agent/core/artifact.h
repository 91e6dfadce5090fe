// The sealed artifact on the device: one file that grows by ranges, and how it is opened. What
// comes out is trusted only once its hash is the signed one.
#pragma once

#include "agent/core/ports.h"
#include "proto/trust/client.h"

namespace godwit::agent {

/// What must be downloaded for an assignment, and how it is opened.
struct Artifact {
  Sha256 sha256;        // of the sealed bytes
  uint64_t length = 0;  // likewise
  proto::WrappedKey key;
  Bytes aad;
  bool is_delta = false;
  Sha256 base;  // of a delta: the plaintext that it applies to
};
auto full_artifact(proto::Agreed const& agreed) -> Artifact;
/// Only when one is offered.
auto delta_artifact(proto::Agreed const& agreed) -> Artifact;

/// Bytes that the download file holds; 0 without one.
auto downloaded_bytes(Files const& files) -> Result<uint64_t>;
auto append_download(Files& files, uint64_t offset, ByteView bytes) -> Result<>;
auto discard_download(Files& files) -> Result<>;
/// Of the whole file.
auto download_sha256(Files const& files) -> Result<Sha256>;
/// The plaintext in the file; `denied` when the seal does not hold.
auto unseal_download(Files const& files, proto::ContentKey const& key, ByteView aad)
    -> Result<Bytes>;

}  // namespace godwit::agent
