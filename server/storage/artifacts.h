// The content-addressed store: DIR/ab/abcdef..., written to DIR/tmp first, synced, then renamed.
// A file under its hash is whole and never changes.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "proto/trust/digest.h"

namespace godwit::server {

struct ArtifactInfo {
  Sha256 sha256;
  Bytes sha1;  // for device protocols that ask for them, never for trust
  Bytes md5;
  uint64_t size_bytes = 0;
};

class ArtifactStore {
 public:
  /// Makes the folders and removes what an interrupted upload left behind.
  static auto open(std::filesystem::path folder) -> Result<ArtifactStore>;

  /// One upload. Dropping it before commit removes the temporary file.
  class Upload {
   public:
    Upload(Upload&&) noexcept;
    ~Upload();
    auto add(ByteView bytes) -> Result<>;
    /// `invalid` when the bytes' hash is not the expected one. File and folder are synced.
    auto commit() -> Result<ArtifactInfo>;

   private:
    friend class ArtifactStore;
    struct State;
    explicit Upload(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  auto begin(Sha256 const& expected) const -> Result<Upload>;

  auto contains(Sha256 const& sha256) const -> bool;
  auto path(Sha256 const& sha256) const -> std::filesystem::path;
  /// Good also when there is no such file.
  auto remove(Sha256 const& sha256) const -> Result<>;
  /// `not_found`, or `corrupt` when the stored bytes are not what their name says.
  auto read(Sha256 const& sha256, uint64_t size_max) const -> Result<Bytes>;
  /// The same in pieces, in order: who keeps them waits for the end.
  auto read(Sha256 const& sha256, std::function<Result<>(ByteView)> const& sink) const -> Result<>;

 private:
  explicit ArtifactStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace godwit::server
