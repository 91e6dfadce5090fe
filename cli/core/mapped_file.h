// Files that are read where the operating system keeps them.
#pragma once

#include <memory>
#include <string>

#include "cli/core/mapped_guard.h"
#include "proto/base/bytes.h"

namespace godwit::cli {

/// A file in memory without a copy, as long as this lives. What is no regular file is read.
class MappedFile {
 public:
  /// `invalid` when the file is larger than `bytes_max`.
  static auto open(std::string const& path, uint64_t bytes_max) -> Result<MappedFile>;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();
  auto bytes() const -> ByteView;
  /// `conflict` when it became shorter while it was read: the missing part read as zeros. Asked for
  /// before anything that was made of the bytes is believed.
  auto check_whole() const -> Result<>;
  /// Pages that were read leave memory; reading them again brings them back.
  void let_go() const;

 private:
  MappedFile() = default;
  void* mapped_ = nullptr;
  size_t size_ = 0;
  std::string path_;
  std::unique_ptr<MappedGuard> guard_;
  Bytes read_;  // where it could not be mapped
};

}  // namespace godwit::cli
