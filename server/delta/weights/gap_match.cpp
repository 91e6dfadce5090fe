#include "server/delta/weights/gap_match.h"

#include <algorithm>

#include "server/delta/weights/shared_text.h"

namespace godwit::delta {
namespace {

/// From so much old text on, only what can be matched is searched.
constexpr uint64_t kSearchedBytesMax = 512u << 10;

/// What lies between the parts.
auto between(std::vector<Part> taken, uint64_t file_bytes) -> std::vector<Part> {
  std::sort(taken.begin(), taken.end(),
            [](Part const& a, Part const& b) { return a.offset < b.offset; });
  std::vector<Part> parts;
  uint64_t at = 0;
  taken.push_back({.offset = file_bytes, .bytes = 0});
  for (Part const& part : taken) {
    if (part.offset > at) parts.push_back({.offset = at, .bytes = part.offset - at});
    at = std::max(at, part.offset + part.bytes);
  }
  return parts;
}

auto bytes_of(std::vector<Part> const& parts) -> uint64_t {
  uint64_t bytes = 0;
  for (Part const& part : parts) bytes += part.bytes;
  return bytes;
}

auto join(ByteView file, std::vector<Part> const& parts) -> Bytes {
  Bytes text;
  text.reserve(static_cast<size_t>(bytes_of(parts)));
  for (Part const& part : parts) {
    auto const bytes = file.subspan(static_cast<size_t>(part.offset), part.bytes);
    text.insert(text.end(), bytes.begin(), bytes.end());
  }
  return text;
}

/// Hands out parts in pieces.
class PartCutter {
 public:
  explicit PartCutter(std::vector<Part> const& parts) : parts_(parts) {}
  /// How many bytes of the current part are left; 0 only behind the last.
  auto left() -> uint64_t {
    while (index_ < parts_.size() && used_ == parts_[index_].bytes) {
      ++index_;
      used_ = 0;
    }
    return index_ < parts_.size() ? parts_[index_].bytes - used_ : 0;
  }
  /// Whether nothing was taken of the current part yet.
  auto at_begin() -> bool { return left() == 0 || used_ == 0; }
  void take(uint64_t bytes) { used_ += bytes; }

 private:
  std::vector<Part> const& parts_;
  size_t index_ = 0;
  uint64_t used_ = 0;
};

auto parts_taken(std::span<TensorPair const> pairs) -> std::vector<Part> {
  std::vector<Part> taken;
  for (TensorPair const& pair : pairs)
    taken.push_back({.offset = pair.to.offset, .bytes = size_bytes(pair.to)});
  return taken;
}

/// Where a place of the joined old text lies in the file, and how far its part goes on.
auto locate(std::vector<Part> const& parts, uint64_t at) -> Part {
  for (Part const& part : parts) {
    if (at < part.bytes) return {.offset = part.offset + at, .bytes = part.bytes - at};
    at -= part.bytes;
  }
  return {};
}

}  // namespace

auto match_gaps(ByteView old_file, ByteView new_file, std::span<TensorPair const> pairs,
                std::function<void(uint64_t)> const& on_bytes, std::function<void()> const& let_go)
    -> std::vector<Match> {
  std::vector<Part> old_taken;
  for (TensorPair const& pair : pairs)
    if (pair.from)
      old_taken.push_back({.offset = pair.from->offset, .bytes = size_bytes(*pair.from)});
  auto old_parts = between(old_taken, old_file.size());
  auto const new_parts = between(parts_taken(pairs), new_file.size());
  std::vector<Match> cut;
  if (new_parts.empty()) return cut;
  PartCutter gaps(new_parts);
  auto const new_text = join(new_file, new_parts);
  // A program is text as a whole: there, what is cut away is missed.
  if (!pairs.empty() && bytes_of(old_parts) > kSearchedBytesMax)
    old_parts = parts_shared(old_file, old_parts, new_text);
  auto const old_text = join(old_file, old_parts);
  if (let_go) let_go();
  auto const matches = find_matches(old_text, new_text, on_bytes, kLearntGainMin);
  for (Match const& match : matches) {
    uint64_t at = match.old_offset;
    for (uint64_t add = match.add; add > 0;) {
      Part const old_part = locate(old_parts, at);
      uint64_t const bytes = std::min({add, old_part.bytes, gaps.left()});
      cut.push_back({.old_offset = old_part.offset, .add = bytes, .literal = 0});
      gaps.take(bytes);
      at += bytes;
      add -= bytes;
    }
    for (uint64_t literal = match.literal; literal > 0;) {
      uint64_t const bytes = std::min(literal, gaps.left());
      // What precedes it may lie in the part before, with a tensor between.
      bool const fresh = cut.empty() || cut.back().literal > 0 || gaps.at_begin();
      if (fresh)
        cut.push_back({.old_offset = cut.empty() ? 0 : cut.back().old_offset + cut.back().add,
                       .add = 0,
                       .literal = bytes});
      else
        cut.back().literal = bytes;
      gaps.take(bytes);
      literal -= bytes;
    }
  }
  return cut;
}

auto literal_gaps(ByteView new_file, std::span<TensorPair const> pairs) -> std::vector<Match> {
  std::vector<Match> matches;
  for (Part const& part : between(parts_taken(pairs), new_file.size()))
    matches.push_back({.old_offset = 0, .add = 0, .literal = part.bytes});
  return matches;
}

}  // namespace godwit::delta
