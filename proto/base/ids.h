// Names that cannot be wrong: parsed once at the boundary, then passed by type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/result.h"

namespace godwit {

/// [A-Za-z0-9_-]{1,64}: certificate CN, MQTT user name and client id at once.
class DeviceId {
 public:
  static auto parse(std::string_view text) -> Result<DeviceId>;
  auto str() const -> std::string const& { return text_; }
  auto operator<=>(DeviceId const&) const = default;

 private:
  explicit DeviceId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// [a-z0-9][a-z0-9_-]{0,63}: a family of releases; also the name of the component on a device.
class ModelName {
 public:
  static auto parse(std::string_view text) -> Result<ModelName>;
  auto str() const -> std::string const& { return text_; }
  auto operator<=>(ModelName const&) const = default;

 private:
  explicit ModelName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// MAJOR.MINOR.PATCH[-PRERELEASE] of Semantic Versioning 2.0.0 (no build metadata), at most 64
/// bytes.
class Version {
 public:
  static auto parse(std::string_view text) -> Result<Version>;
  auto str() const -> std::string const& { return text_; }
  /// Precedence of section 11 of the specification.
  friend auto operator<=>(Version const& a, Version const& b) -> std::strong_ordering;
  friend auto operator==(Version const& a, Version const& b) -> bool { return a.text_ == b.text_; }

 private:
  Version() = default;
  std::string text_;
  uint32_t core_[3] = {0, 0, 0};
  std::string prerelease_;
};

/// The n of an attempt (device_id, n): positive, 31 bits, so that hawkBit's clients can carry it.
using AttemptNo = uint32_t;
constexpr AttemptNo kAttemptNoMax = 0x7fffffff;

}  // namespace godwit
