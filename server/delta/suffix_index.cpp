#include "server/delta/suffix_index.h"

#include <divsufsort.h>

#include <algorithm>
#include <cstring>

namespace godwit::delta {
namespace {

constexpr size_t kBuckets = 1u << 16;

/// How many bytes are the same, given that the first `from` are.
auto common_prefix(ByteView a, ByteView b, size_t from) -> size_t {
  size_t const bound = std::min({a.size(), b.size(), SuffixIndex::kLengthMax});
  size_t i = std::min(from, bound);
  for (; i + sizeof(uint64_t) <= bound; i += sizeof(uint64_t))
    if (std::memcmp(&a[i], &b[i], sizeof(uint64_t)) != 0) break;
  while (i < bound && a[i] == b[i]) ++i;
  return i;
}

/// A suffix of one byte sorts before all others of that first byte: as if a zero followed.
auto bucket_of(ByteView text, size_t at) -> size_t {
  return size_t{text[at]} << 8 | (at + 1 < text.size() ? text[at + 1] : 0u);
}

}  // namespace

SuffixIndex::SuffixIndex(ByteView text)
    : text_(text), suffixes_(text.size()), buckets_(kBuckets + 1) {
  if (text.empty()) return;
  CHECK(divsufsort(text.data(), suffixes_.data(), static_cast<saidx_t>(text.size())) == 0);
  for (size_t at = 0; at < text.size(); ++at) ++buckets_[bucket_of(text, at) + 1];
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i + 1] += buckets_[i];
}

auto SuffixIndex::longest(ByteView pattern) const -> Found {
  if (text_.empty() || pattern.empty()) return {};
  size_t const bucket = bucket_of(pattern, 0);
  size_t low = buckets_[bucket];
  size_t high = buckets_[bucket + 1];
  // What all suffixes between the two bounds have in common with the pattern need not be compared
  // again: without this, repetitive files take quadratic time.
  size_t same_low = 0;
  size_t same_high = 0;
  auto const suffix = [this](size_t i) { return text_.subspan(static_cast<size_t>(suffixes_[i])); };
  while (low < high) {
    size_t const middle = low + (high - low) / 2;
    ByteView const there = suffix(middle);
    size_t const same = common_prefix(there, pattern, std::min(same_low, same_high));
    bool const before = same < pattern.size() && same < kLengthMax &&
                        (same == there.size() || there[same] < pattern[same]);
    (before ? low : high) = before ? middle + 1 : middle;
    (before ? same_low : same_high) = same;
  }
  // The longest match is a neighbour of the place where the pattern would be sorted in.
  Found found;
  if (low < suffixes_.size())
    found = {static_cast<size_t>(suffixes_[low]), common_prefix(suffix(low), pattern, same_high)};
  if (low > 0) {
    size_t const length = common_prefix(suffix(low - 1), pattern, same_low);
    if (length > found.length) found = {static_cast<size_t>(suffixes_[low - 1]), length};
  }
  return found;
}

}  // namespace godwit::delta
