// What applying a delta reads, in pieces and never as a whole: slots, files of the folder, and a
// sealed artifact whose segments are opened one by one.
#pragma once

#include <functional>
#include <optional>

#include "agent/core/ports.h"
#include "proto/format/byte_source.h"

namespace godwit::agent {

/// The first error of storage below a decoder, which knows only damaged patches.
using StorageError = std::optional<Error>;

/// Anything that hands out ranges, through one window.
class WindowSource final : public proto::ByteSource {
 public:
  using Read = std::function<Result<Bytes>(uint64_t offset, uint64_t size_max)>;
  WindowSource(Read read_range, StorageError& error)
      : read_range_(std::move(read_range)), error_(error) {}
  ~WindowSource() override { proto::cleanse(window_); }
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override;

 private:
  Read read_range_;
  StorageError& error_;
  uint64_t window_at_ = 0;
  Bytes window_;
};

/// The plaintext of a sealed artifact that lies in a file at some offset.
class SealedSource final : public proto::ByteSource {
 public:
  struct Where {
    std::string_view file;  // outlives the source
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  /// `denied` when the seal does not hold, `internal` when the file cannot be read.
  static auto open(Files const& files, Where const& where, proto::ContentKey const& key,
                   ByteView aad, StorageError& error) -> Result<std::unique_ptr<SealedSource>>;
  ~SealedSource() override { proto::cleanse(plain_); }
  auto plain_bytes() const -> uint64_t { return opener_.plain_bytes(); }
  /// `denied` at a segment that does not hold.
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override;

 private:
  SealedSource(Files const& files, Where const& where, proto::SegmentOpener opener,
               StorageError& error)
      : files_(files), where_(where), opener_(std::move(opener)), error_(error) {}

  Files const& files_;
  Where where_;
  proto::SegmentOpener opener_;
  StorageError& error_;
  uint64_t plain_at_ = 0;
  Bytes plain_;  // of one segment
};

}  // namespace godwit::agent
