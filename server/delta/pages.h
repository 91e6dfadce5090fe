// Tells the owner of two mapped files when pages that were read may leave memory again, and how far
// making a patch came. It goes through the files several times in order: what lies behind is not
// soon read again.
#pragma once

#include <algorithm>
#include <functional>

#include "proto/base/bytes.h"
#include "proto/trust/digest.h"

namespace godwit::delta {

class Pages {
 public:
  /// Both may be empty.
  explicit Pages(std::function<void()> let_go, std::function<void(uint32_t)> on_percent = {})
      : let_go_(std::move(let_go)), on_percent_(std::move(on_percent)) {}

  /// A part of the work, in per cent of all of it: `done` of `total` are behind.
  struct Stage {
    uint32_t from;
    uint32_t to;
  };
  void reached(Stage stage, uint64_t done, uint64_t total) {
    if (on_percent_ && total > 0)
      on_percent_(stage.from + static_cast<uint32_t>(done * (stage.to - stage.from) / total));
  }

  /// So many bytes were read, all in all.
  void read(uint64_t bytes) {
    read_ += bytes;
    if (read_ >= kBytesHeld) done();
  }
  /// Whether two parts of the files are the same.
  auto same(ByteView a, ByteView b) -> bool {
    for (size_t at = 0; at < a.size(); at += kBytesHeld / 4) {
      size_t const count = std::min<size_t>(a.size() - at, kBytesHeld / 4);
      if (!std::ranges::equal(a.subspan(at, count), b.subspan(at, count))) return false;
      read(2 * count);
    }
    return true;
  }
  auto sha256(ByteView file) -> Sha256 {
    proto::Sha256Stream digest;
    for (size_t at = 0; at < file.size(); at += kBytesHeld / 4) {
      auto const piece = file.subspan(at, std::min<size_t>(file.size() - at, kBytesHeld / 4));
      digest.add(piece);
      read(piece.size());
    }
    return digest.finish();
  }
  void done() {
    read_ = 0;
    if (let_go_) let_go_();
  }

  static constexpr Stage kMatching{.from = 0, .to = 40};
  static constexpr Stage kPlanning{.from = 40, .to = 65};
  static constexpr Stage kCoding{.from = 65, .to = 85};
  static constexpr Stage kChecking{.from = 85, .to = 100};

 private:
  static constexpr uint64_t kBytesHeld = 256u << 10;
  std::function<void()> let_go_;
  std::function<void(uint32_t)> on_percent_;
  uint64_t read_ = 0;
};

}  // namespace godwit::delta
