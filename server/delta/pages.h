// Tells the owner of two mapped files when pages that were read may leave memory again. Making a
// patch goes through the files several times in order: what lies behind is not soon read again.
#pragma once

#include <algorithm>
#include <functional>

#include "proto/base/bytes.h"
#include "proto/trust/digest.h"

namespace godwit::delta {

class Pages {
 public:
  /// `let_go` may be empty.
  explicit Pages(std::function<void()> let_go) : let_go_(std::move(let_go)) {}

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

 private:
  static constexpr uint64_t kBytesHeld = 512u << 10;
  std::function<void()> let_go_;
  uint64_t read_ = 0;
};

}  // namespace godwit::delta
