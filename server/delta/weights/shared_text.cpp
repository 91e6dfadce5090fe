#include "server/delta/weights/shared_text.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace godwit::delta {
namespace {

constexpr size_t kWindow = 8;
/// Every eighth window is known: a run of 15 bytes holds one of them, wherever it begins.
static_assert(kSharedRun == 2 * kWindow - 1);
/// Parts are kept or dropped in pieces of so many bytes, with their neighbours.
constexpr uint64_t kPiece = 4096;

auto mix(uint8_t const* at) -> uint64_t {
  uint64_t value = 0;
  std::memcpy(&value, at, kWindow);
  value *= 0x9e3779b97f4a7c15;
  return value ^ value >> 29;
}

/// A set of windows, by 32 bits of their hash.
class Windows {
 public:
  explicit Windows(ByteView text) : marks_(std::bit_ceil(text.size() / kWindow * 2 + 2)) {
    for (size_t at = 0; at + kWindow <= text.size(); at += kWindow) {
      uint64_t const hash = mix(&text[at]);
      size_t slot = slot_of(hash);
      while (marks_[slot] != 0 && marks_[slot] != mark_of(hash)) slot = next(slot);
      marks_[slot] = mark_of(hash);
    }
  }
  auto has(uint8_t const* at) const -> bool {
    uint64_t const hash = mix(at);
    for (size_t slot = slot_of(hash); marks_[slot] != 0; slot = next(slot))
      if (marks_[slot] == mark_of(hash)) return true;
    return false;
  }

 private:
  static auto mark_of(uint64_t hash) -> uint32_t { return static_cast<uint32_t>(hash) | 1; }
  auto slot_of(uint64_t hash) const -> size_t {
    return static_cast<size_t>(hash >> 32) & (marks_.size() - 1);
  }
  auto next(size_t slot) const -> size_t { return (slot + 1) & (marks_.size() - 1); }

  std::vector<uint32_t> marks_;
};

auto shares(ByteView piece, Windows const& windows) -> bool {
  for (size_t at = 0; at + kWindow <= piece.size(); ++at)
    if (windows.has(&piece[at])) return true;
  return false;
}

}  // namespace

auto parts_shared(ByteView old_file, std::vector<Part> const& parts, ByteView text)
    -> std::vector<Part> {
  Windows const windows(text);
  std::vector<Part> kept;
  for (Part const& part : parts) {
    uint64_t const end = part.offset + part.bytes;
    for (uint64_t at = part.offset; at < end; at += kPiece) {
      // Windows that begin in this piece.
      uint64_t const bytes = std::min(end - at, kPiece + kWindow - 1);
      if (!shares(old_file.subspan(static_cast<size_t>(at), static_cast<size_t>(bytes)), windows))
        continue;
      uint64_t from = at - std::min(at - part.offset, kPiece);
      uint64_t const to = std::min(end, at + 2 * kPiece);
      bool const joins = !kept.empty() && kept.back().offset + kept.back().bytes >= from &&
                         kept.back().offset >= part.offset;
      if (joins) {
        kept.back().bytes = to - kept.back().offset;
      } else {
        kept.push_back({.offset = from, .bytes = to - from});
      }
    }
  }
  return kept;
}

}  // namespace godwit::delta
