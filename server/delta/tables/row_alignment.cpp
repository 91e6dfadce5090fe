#include "server/delta/tables/row_alignment.h"

#include <algorithm>

#include "server/delta/tables/similarity.h"

namespace godwit::delta {
namespace {

constexpr size_t kSamplesOfRow = 256;

auto rows_of(TensorSpan const& tensor, uint32_t first, uint32_t count) -> TensorSpan {
  TensorSpan piece = tensor;
  piece.name += "[" + std::to_string(first) + ":" + std::to_string(first + count) + "]";
  piece.rows = count;
  piece.offset += uint64_t{first} * tensor.cols * element_bits(tensor.type) / 8;
  if (piece.scales && piece.scales->count == tensor.rows) {
    piece.scales->offset += uint64_t{first} * 4;
    piece.scales->count = count;
  }
  return piece;
}

/// How alike row i of the first and row i + shift of the second are.
auto likeness(ByteView first, TensorSpan const& a, ByteView second, TensorSpan const& b,
              uint32_t count, uint32_t shift) -> std::vector<double> {
  std::vector<double> alike(count);
  for (uint32_t i = 0; i < count; ++i)
    alike[i] = correlation(sample_weights(first, rows_of(a, i, 1), kSamplesOfRow),
                           sample_weights(second, rows_of(b, i + shift, 1), kSamplesOfRow));
  return alike;
}

/// With the rows of the shorter tensor, how many of the first stay where they are; the rest is as
/// many rows further on as the longer has more.
auto best_split(std::vector<double> const& in_place, std::vector<double> const& shifted)
    -> uint32_t {
  double score = 0;
  for (double const alike : shifted) score += alike;
  double best = score;
  size_t split = 0;
  for (size_t i = 0; i < in_place.size(); ++i) {
    score += in_place[i] - shifted[i];
    if (score < best) continue;  // of equal ones the last: rows are mostly added at the end
    best = score;
    split = i + 1;
  }
  return static_cast<uint32_t>(split);
}

}  // namespace

auto align_rows(ByteView old_file, TensorSpan const& from, ByteView new_file, TensorSpan const& to)
    -> std::vector<TensorPair> {
  bool const gained = to.rows > from.rows;
  uint32_t const both = std::min(from.rows, to.rows);
  uint32_t const shift = std::max(from.rows, to.rows) - both;
  auto const alike = [&](uint32_t by) {
    return gained ? likeness(old_file, from, new_file, to, both, by)
                  : likeness(new_file, to, old_file, from, both, by);
  };
  uint32_t const split = best_split(alike(0), alike(shift));
  std::vector<TensorPair> pairs;
  if (split > 0) pairs.push_back({.to = rows_of(to, 0, split), .from = rows_of(from, 0, split)});
  if (gained) pairs.push_back({.to = rows_of(to, split, shift)});
  if (split < both)
    pairs.push_back({.to = rows_of(to, split + (gained ? shift : 0), both - split),
                     .from = rows_of(from, split + (gained ? 0 : shift), both - split)});
  return pairs;
}

}  // namespace godwit::delta
