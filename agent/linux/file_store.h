// The Files port on a folder of the device's file system.
#pragma once

#include "agent/core/ports.h"
#include "agent/linux/file_descriptor.h"

namespace godwit::agent {

class FileStore : public Files {
 public:
  /// Makes the folder (mode 0700) and those above it where they are missing.
  static auto open(std::string const& folder) -> Result<FileStore>;

  /// Until this object goes: `conflict` when another process holds the folder.
  auto lock() -> Result<>;

  auto size(std::string_view name) const -> Result<uint64_t> override;
  auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override;
  auto map(std::string_view name) const -> Result<Plaintext> override;
  auto write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> override;
  auto truncate(std::string_view name, uint64_t size) -> Result<> override;
  auto sync(std::string_view name) -> Result<> override;
  auto rename(std::string_view from, std::string_view to) -> Result<> override;
  auto remove(std::string_view name) -> Result<> override;
  auto sync_folder() -> Result<> override;

 private:
  explicit FileStore(FileDescriptor folder) : folder_(std::move(folder)) {}
  auto open_file(std::string_view name, int flags) const -> Result<FileDescriptor>;

  FileDescriptor folder_;
};

/// The whole of a file that is not in a FileStore (configuration, delivered roots); `invalid` past
/// `bytes_max`.
auto read_file(std::string const& path, size_t bytes_max) -> Result<std::string>;
/// The same, as it lies there.
auto map_file(std::string const& path, size_t bytes_max) -> Result<Plaintext>;

}  // namespace godwit::agent
