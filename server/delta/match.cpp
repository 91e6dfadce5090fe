#include "server/delta/match.h"

#include "server/delta/suffix_index.h"

namespace godwit::delta {
namespace {

constexpr size_t kToldBytes = 64u << 10;

/// Where an exact match was found: new_file[scan...] is old_file[offset...].
struct Anchor {
  size_t scan = 0;
  size_t offset = 0;
};

class Matcher {
 public:
  Matcher(ByteView old_file, ByteView new_file, std::function<void(uint64_t)> const& on_bytes,
          size_t gain_min)
      : old_(old_file),
        new_(new_file),
        index_(old_file),
        on_bytes_(on_bytes),
        gain_min_(gain_min) {}

  auto run() -> std::vector<Match> {
    size_t length = 0;
    Anchor next;
    while (next.scan < new_.size()) {
      next.scan += length;
      tell(next.scan);
      if (advance(next, length)) connect(next);
    }
    return std::move(matches_);
  }

 private:
  void tell(size_t scan) {
    if (!on_bytes_ || scan < told_ + kToldBytes) return;
    told_ = scan;
    on_bytes_(scan);
  }
  auto same(size_t scan, size_t offset) const -> bool {
    return offset < old_.size() && old_[offset] == new_[scan];
  }
  /// The old byte that the current alignment puts beside new_[scan].
  auto aligned(size_t scan) const -> size_t { return from_.offset + (scan - from_.scan); }

  /// Moves on until the longest match is worth a new alignment, or the new file ends. False when
  /// the match only confirms the current one.
  auto advance(Anchor& next, size_t& length) -> bool {
    size_t score = 0;  // bytes of the found match that the current alignment gets right too
    size_t scored = next.scan;
    length = 0;
    for (; next.scan < new_.size(); ++next.scan) {
      tell(next.scan);
      auto const found = index_.longest(new_.subspan(next.scan));
      length = found.length;
      next.offset = found.offset;
      for (; scored < next.scan + length; ++scored) score += same(scored, aligned(scored));
      if (length == score && length > 0) return false;
      if (length > score + gain_min_) return true;
      if (scored > next.scan)
        score -= same(next.scan, aligned(next.scan));
      else
        scored = next.scan + 1;
    }
    return true;
  }

  /// Ends the current alignment somewhere between its anchor and the next and starts the next one:
  /// each is stretched over bytes of which more than half agree; the rest are literals.
  void connect(Anchor const& next) {
    size_t ahead = stretch_ahead(next.scan);
    size_t back = next.scan < new_.size() ? stretch_back(next) : 0;
    if (from_.scan + ahead > next.scan - back) share_overlap(next, ahead, back);
    matches_.push_back({.old_offset = from_.offset,
                        .add = ahead,
                        .literal = (next.scan - back) - (from_.scan + ahead)});
    from_ = {.scan = next.scan - back, .offset = next.offset - back};
  }

  auto stretch_ahead(size_t end) const -> size_t {
    int64_t score = 0;
    int64_t best = 0;
    size_t length = 0;
    for (size_t i = 0; from_.scan + i < end && from_.offset + i < old_.size(); ++i) {
      score += same(from_.scan + i, from_.offset + i) ? 1 : -1;
      if (score <= best) continue;
      best = score;
      length = i + 1;
    }
    return length;
  }

  auto stretch_back(Anchor const& next) const -> size_t {
    int64_t score = 0;
    int64_t best = 0;
    size_t length = 0;
    for (size_t i = 1; next.scan >= from_.scan + i && next.offset >= i; ++i) {
      score += same(next.scan - i, next.offset - i) ? 1 : -1;
      if (score <= best) continue;
      best = score;
      length = i;
    }
    return length;
  }

  /// Splits bytes that both alignments claim where the sum of what agrees is largest.
  void share_overlap(Anchor const& next, size_t& ahead, size_t& back) const {
    size_t const overlap = from_.scan + ahead - (next.scan - back);
    int64_t score = 0;
    int64_t best = 0;
    size_t first = 0;
    for (size_t i = 0; i < overlap; ++i) {
      size_t const scan = next.scan - back + i;
      score += same(scan, aligned(scan));
      score -= same(scan, next.offset - back + i);
      if (score <= best) continue;
      best = score;
      first = i + 1;
    }
    ahead -= overlap - first;
    back -= first;
  }

  ByteView old_;
  ByteView new_;
  SuffixIndex index_;
  Anchor from_;  // where the current alignment starts
  std::vector<Match> matches_;
  std::function<void(uint64_t)> const& on_bytes_;
  size_t gain_min_;
  size_t told_ = 0;
};

}  // namespace

auto find_matches(ByteView old_file, ByteView new_file,
                  std::function<void(uint64_t)> const& on_bytes, size_t gain_min)
    -> std::vector<Match> {
  return Matcher(old_file, new_file, on_bytes, gain_min).run();
}

}  // namespace godwit::delta
