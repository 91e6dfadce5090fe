// Where tests let a new file grow, and lose power.
#pragma once

#include "proto/format/restartable.h"

namespace godwit::proto {

/// Memory that loses power: the operation of that number, and all after it, fail; a block is
/// written by half before it does.
class FailingStore final : public BlockStore {
 public:
  auto write_block(uint64_t offset, ByteView bytes) -> Result<> override {
    bool const fails = next_fails();
    auto const count = fails ? bytes.size() / 2 : bytes.size();
    if (content.size() < offset + count) content.resize(offset + count);
    std::copy_n(bytes.begin(), count, content.begin() + static_cast<ptrdiff_t>(offset));
    if (fails) return internal("no power");
    written += count;
    return {};
  }
  auto read_block(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    if (next_fails()) return internal("no power");
    if (offset + out.size() > content.size()) return not_found("ends here");
    std::copy_n(content.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }
  auto write_journal(ByteView record) -> Result<> override {
    if (next_fails()) return internal("no power");
    journal.assign(record.begin(), record.end());
    return {};
  }
  auto read_journal() -> Result<Bytes> override {
    if (next_fails()) return internal("no power");
    return journal;
  }
  void power_until(int operations) { left = operations; }

  Bytes content;
  Bytes journal;
  uint64_t written = 0;
  int left = -1;

 private:
  auto next_fails() -> bool {
    if (left < 0) return false;
    if (left == 0) return true;
    --left;
    return false;
  }
};

}  // namespace godwit::proto
