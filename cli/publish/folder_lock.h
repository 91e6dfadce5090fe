// Held while a signed document is read and replaced, so that no version gets two contents.
#pragma once

#include <filesystem>

#include "proto/base/result.h"

namespace godwit::cli {

class FolderLock {
 public:
  /// `conflict` when another process holds it.
  static auto take(std::filesystem::path const& folder) -> Result<FolderLock>;
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

}  // namespace godwit::cli
