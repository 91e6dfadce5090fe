// The sealed artifacts on the device: one file that grows by ranges, and how it is opened. What
// comes out is trusted only once its hash is the signed one.
#pragma once

#include "agent/core/ports.h"
#include "proto/trust/client.h"

namespace godwit::agent {

constexpr std::string_view kDownloadFile = "download";

/// One sealed file of the server: a release, or a delta between two plaintexts.
struct Sealed {
  Sha256 sha256;        // of the sealed bytes
  uint64_t length = 0;  // likewise
  proto::WrappedKey key;
  Bytes aad;
  Sha256 base;    // of a delta: the plaintext that it applies to
  Sha256 result;  // of a delta: the plaintext that it makes
};

/// What must be downloaded for an assignment: a release, or deltas that are applied one after
/// another. In the download file they lie one behind the other.
struct Artifact {
  std::vector<Sealed> parts;
  bool is_delta = false;

  auto length() const -> uint64_t;
  /// Names what the download file holds.
  auto id() const -> Sha256;
};
auto full_artifact(proto::Agreed const& agreed) -> Artifact;
/// Only when one is offered.
auto delta_artifact(proto::Agreed const& agreed) -> Artifact;

/// Bytes that the download file holds; 0 without one.
auto downloaded_bytes(Files const& files) -> Result<uint64_t>;
auto append_download(Files& files, uint64_t offset, ByteView bytes) -> Result<>;
auto discard_download(Files& files) -> Result<>;
/// After a start: takes off the end what a power cut may have torn, back to the last sealed segment
/// that holds.
auto trim_download(Files& files, KeyStore& keys, Artifact const& artifact) -> Result<>;
/// Whether every part of the whole file has its hash.
auto download_is_intact(Files const& files, Artifact const& artifact) -> Result<bool>;
/// The plaintext in the file; `denied` when the seal does not hold.
auto unseal_download(Files const& files, Memory& memory, proto::ContentKey const& key, ByteView aad)
    -> Result<Plaintext>;

}  // namespace godwit::agent
