#include "server/delta/tables/guess.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "server/delta/tables/repeat.h"
#include "server/delta/tables/scaled_rows.h"
#include "server/delta/tables/similarity.h"

namespace godwit::delta {
namespace {

constexpr size_t kWindowBytes = 4096;
constexpr size_t kRegionBytesMin = 4 * kWindowBytes;
/// Rows may change length inside a region: it is looked at in pieces.
constexpr size_t kPieceElements = 64u << 10;
constexpr uint32_t kRowWithoutRepeat = 1024;
/// Searches that find nothing take time: past these the rest of the file is taken as it comes.
constexpr int kVainSearchesMax = 12;
/// Sign and exponent say little; mantissas are noise.
constexpr double kExponentBitsMax = 6.2;
constexpr double kMantissaBitsMin = 6.8;

/// A type, and where in the file its elements start, modulo their size.
struct Form {
  ElementType type = ElementType::int8;
  size_t phase = 0;
  auto operator==(Form const&) const -> bool = default;
};

struct Region {
  size_t begin = 0;
  size_t end = 0;
  Form form;
};

using Histogram = std::array<uint32_t, 256>;

auto entropy_bits(Histogram const& counts) -> double {
  double const n = std::accumulate(counts.begin(), counts.end(), 0.0);
  double bits = 0;
  for (uint32_t const count : counts)
    if (count) bits -= count / n * std::log2(count / n);
  return bits;
}

/// bf16 has eight bits of exponent: its upper byte takes few values, all near those of one.
auto is_bfloat(Histogram const& upper) -> bool {
  uint32_t near = 0;
  uint32_t all = 0;
  for (size_t byte = 0; byte < upper.size(); ++byte) {
    all += upper[byte];
    size_t const magnitude = byte & 0x7f;
    if (magnitude == 0 || (magnitude >= 0x37 && magnitude <= 0x41)) near += upper[byte];
  }
  return near >= all / 20 * 19;
}

auto form_of(ByteView window) -> Form {
  std::array<Histogram, 4> counts{};
  for (size_t i = 0; i < window.size(); ++i) ++counts[i % 4][window[i]];
  std::array<double, 4> bits{};
  for (size_t i = 0; i < 4; ++i) bits[i] = entropy_bits(counts[i]);
  auto const exponent = [&](size_t i) { return bits[i % 4] <= kExponentBitsMax; };
  auto const mantissa = [&](size_t i) { return bits[i % 4] >= kMantissaBitsMin; };
  for (size_t i = 0; i < 4; ++i)
    if (exponent(i) && mantissa(i + 1) && mantissa(i + 2) && mantissa(i + 3))
      return {.type = ElementType::fp32, .phase = (i + 1) % 4};
  for (size_t i = 0; i < 2; ++i)
    if (exponent(i) && exponent(i + 2) && mantissa(i + 1) && mantissa(i + 3))
      return {.type = is_bfloat(counts[i]) ? ElementType::bf16 : ElementType::fp16,
              .phase = (i + 1) % 2};
  return {};
}

/// Runs of windows of one form; runs that are too short join the one before.
auto regions_of(ByteView file) -> std::vector<Region> {
  std::vector<Region> runs;
  for (size_t at = 0; at < file.size(); at += kWindowBytes) {
    size_t const end = std::min(at + kWindowBytes, file.size());
    Form const form = form_of(file.subspan(at, end - at));
    if (!runs.empty() && runs.back().form == form)
      runs.back().end = end;
    else
      runs.push_back({.begin = at, .end = end, .form = form});
  }
  std::vector<Region> regions;
  for (Region const& run : runs) {
    bool const joins = !regions.empty() &&
                       (run.end - run.begin < kRegionBytesMin || regions.back().form == run.form);
    if (joins)
      regions.back().end = run.end;
    else
      regions.push_back(run);
  }
  return regions;
}

/// How much each weight changed; of floats the distance of their bits, which counts in units of
/// their last place.
auto changes(ByteView old_file, ByteView new_file, TensorSpan const& piece)
    -> std::vector<int16_t> {
  auto const before = sample_weights(old_file, piece, piece.cols);
  auto const after = sample_weights(new_file, piece, piece.cols);
  std::vector<int16_t> magnitudes(before.size());
  bool const whole = piece.type == ElementType::int8;
  for (size_t i = 0; i < before.size(); ++i) {
    float change = std::fabs(after[i] - before[i]);
    if (!whole) change = change > 0 ? std::log2(change) + 24 : 0;
    magnitudes[i] = static_cast<int16_t>(std::clamp(change, 0.0f, 15.0f));
  }
  return magnitudes;
}

auto sizes(ByteView file, TensorSpan const& piece) -> std::vector<int16_t> {
  auto const weights = sample_weights(file, piece, piece.cols);
  std::vector<int16_t> magnitudes(weights.size());
  bool const whole = piece.type == ElementType::int8;
  for (size_t i = 0; i < weights.size(); ++i) {
    float const size = std::fabs(weights[i]) * (whole ? 1 : 256);
    magnitudes[i] = static_cast<int16_t>(std::clamp(size, 0.0f, 127.0f));
  }
  return magnitudes;
}

/// Finds the length of rows of one piece after the other.
class RowFinder {
 public:
  RowFinder(ByteView old_file, ByteView new_file) : old_(old_file), new_(new_file) {}

  auto row_length(TensorSpan const& piece) -> uint32_t {
    Repeat const by_change(changes(old_, new_, piece));
    Repeat const by_size(sizes(old_, piece));
    if (by_change.at(last_) || by_size.at(last_)) return static_cast<uint32_t>(last_);
    if (vain_searches_ == kVainSearchesMax) return kRowWithoutRepeat;
    auto found = by_change.distance();
    if (!found) found = by_size.distance();
    if (found) last_ = *found;
    vain_searches_ += found ? 0 : 1;
    return static_cast<uint32_t>(found.value_or(kRowWithoutRepeat));
  }

 private:
  ByteView old_;
  ByteView new_;
  size_t last_ = 0;
  int vain_searches_ = 0;
};

void add_piece(std::vector<TensorPair>& pairs, TensorSpan piece, uint32_t cols) {
  piece.rows = piece.cols / cols;
  piece.cols = cols;
  if (piece.rows > 0) pairs.push_back({.to = piece, .from = piece});
}

void add_region(std::vector<TensorPair>& pairs, RowFinder& finder, Region const& region) {
  size_t const size = element_bits(region.form.type) / 8;
  size_t const skip = (region.form.phase + size - region.begin % size) % size;
  uint64_t at = region.begin + skip;
  TensorSpan open;  // pieces of one row length, as one row
  uint32_t open_cols = 0;
  while (at + size <= region.end) {
    auto const count = std::min<uint64_t>(kPieceElements, (region.end - at) / size);
    TensorSpan const piece{.name = "at " + std::to_string(at),
                           .type = region.form.type,
                           .offset = at,
                           .rows = 1,
                           .cols = static_cast<uint32_t>(count)};
    uint32_t const cols = finder.row_length(piece);
    if (open_cols == cols) {
      open.cols += piece.cols;
    } else {
      if (open_cols) add_piece(pairs, open, open_cols);
      open = piece;
      open_cols = cols;
    }
    at += count * size;
  }
  if (open_cols) add_piece(pairs, open, open_cols);
}

/// What of a region no span covers.
auto without(Region const& region, std::vector<TensorSpan> const& spans) -> std::vector<Region> {
  std::vector<Region> rest;
  size_t at = region.begin;
  for (auto const& span : spans) {
    size_t const end = span.offset + size_bytes(span);
    if (end <= at || span.offset >= region.end) continue;
    if (span.offset > at) rest.push_back({.begin = at, .end = span.offset, .form = region.form});
    at = end;
  }
  if (at < region.end) rest.push_back({.begin = at, .end = region.end, .form = region.form});
  return rest;
}

}  // namespace

auto guess_pairs(ByteView old_file, ByteView new_file) -> std::vector<TensorPair> {
  std::vector<TensorPair> pairs;
  if (old_file.size() != new_file.size()) return pairs;
  auto const known = find_scaled_rows(new_file);
  for (auto const& span : known) pairs.push_back({.to = span, .from = span});
  RowFinder finder(old_file, new_file);
  for (Region const& region : regions_of(new_file))
    for (Region const& rest : without(region, known))
      if (rest.end - rest.begin >= kRegionBytesMin) add_region(pairs, finder, rest);
  std::sort(pairs.begin(), pairs.end(),
            [](TensorPair const& a, TensorPair const& b) { return a.to.offset < b.to.offset; });
  return pairs;
}

}  // namespace godwit::delta
