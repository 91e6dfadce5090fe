// The device's trusted copies of both repositories' metadata: fetched, verified in TUF's order, and
// stored before anything is decided by them.
#pragma once

#include "agent/core/ports.h"
#include "proto/trust/client.h"

namespace godwit::agent {

class Repositories {
 public:
  Repositories(Files& files, Fetcher& fetcher, DeviceId device)
      : files_(files), fetcher_(fetcher), device_(std::move(device)) {}

  /// Stored metadata; a repository without any starts from the root that was delivered with the
  /// device. An error when neither holds.
  auto load(std::string_view image_root, std::string_view director_root) -> Result<>;

  struct Newest {
    proto::Targets director;
    std::optional<proto::Targets> image;  // fetched only when the Director names something
  };
  /// Roots, Director targets, Image targets. `retry` when the network failed; `denied`, `invalid`
  /// or `corrupt` when a document does not hold. What was verified before the error stays.
  auto refresh(int64_t now_s) -> Result<Newest>;

 private:
  struct Repository {
    std::string name;  // of its URLs and records: "image", "director"
    proto::TrustedState trusted;
  };
  auto load(Repository& repository, std::string_view delivered_root) -> Result<>;
  auto follow_roots(Repository& repository) -> Result<>;
  auto refresh(Repository& repository, int64_t now_s, DeviceId const* device)
      -> Result<proto::Targets>;
  auto store(std::string const& record, std::string_view before, std::string const& now)
      -> Result<>;

  Files& files_;
  Fetcher& fetcher_;
  DeviceId device_;
  Repository image_{"image", {}};
  Repository director_{"director", {}};
};

}  // namespace godwit::agent
