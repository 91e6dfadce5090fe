// A folder that appears whole or not at all: filled under a temporary name beside its place.
#pragma once

#include <filesystem>

#include "proto/base/bytes.h"

namespace godwit::cli {

enum class Access : uint16_t { everybody = 0644, owner = 0600 };

/// Dropped without commit(), it is removed.
class StagedFolder {
 public:
  /// `conflict` when something other than an empty folder stands at `path`.
  static auto create(std::filesystem::path const& path) -> Result<StagedFolder>;
  ~StagedFolder();
  StagedFolder(StagedFolder&& other) noexcept;

  /// `name` may have folders in it.
  auto add_file(std::string const& name, ByteView content, Access access) const -> Result<>;
  auto commit() -> Result<>;

 private:
  StagedFolder(std::filesystem::path target, std::filesystem::path staging)
      : target_(std::move(target)), staging_(std::move(staging)) {}
  std::filesystem::path target_;
  std::filesystem::path staging_;  // empty once committed
};

}  // namespace godwit::cli
