#include "server/delta/tables/scaled_rows.h"

#include <algorithm>

namespace godwit::delta {
namespace {

constexpr size_t kFloatBytes = 4;
/// Weights look like floats by chance, but hardly as many in a row.
constexpr size_t kRunMin = 10;
/// Of floats by chance at the ends of a run.
constexpr size_t kStrayMax = 3;
constexpr size_t kRunsTried = 16;
constexpr uint64_t kColumnsMin = 4;
constexpr uint64_t kColumnsMax = 1u << 16;
/// Magnitudes that scales and biases have: 2^-30 to 2^15.
constexpr uint32_t kExponentMin = 127 - 30;
constexpr uint32_t kExponentMax = 127 + 15;

/// Floats one after another.
struct Run {
  uint64_t begin = 0;  // in bytes
  uint64_t count = 0;
  auto end() const -> uint64_t { return begin + kFloatBytes * count; }
};

auto bits_at(ByteView file, size_t at) -> uint32_t {
  return uint32_t{file[at]} | uint32_t{file[at + 1]} << 8 | uint32_t{file[at + 2]} << 16 |
         uint32_t{file[at + 3]} << 24;
}

auto looks_like_float(uint32_t bits) -> bool {
  uint32_t const exponent = bits >> 23 & 255;
  return bits == 0 || (exponent >= kExponentMin && exponent <= kExponentMax);
}

void find_runs(ByteView file, size_t phase, std::vector<Run>& runs) {
  Run run{.begin = phase, .count = 0};
  uint64_t zeros = 0;
  auto const close = [&](size_t at) {
    if (run.count - zeros >= kRunMin) runs.push_back(run);
    run = {.begin = at + kFloatBytes, .count = 0};
    zeros = 0;
  };
  size_t at = phase;
  for (; at + kFloatBytes <= file.size(); at += kFloatBytes) {
    uint32_t const bits = bits_at(file, at);
    // Zeros are floats only among others: sparse weights are full of them.
    if (!looks_like_float(bits) || (bits == 0 && run.count == 0)) {
      close(at);
      continue;
    }
    zeros += bits == 0;
    ++run.count;
  }
  close(at);
}

/// By offset; of runs that overlap (the same bytes at two phases) the longer.
auto all_runs(ByteView file) -> std::vector<Run> {
  std::vector<Run> runs;
  for (size_t phase = 0; phase < kFloatBytes; ++phase) find_runs(file, phase, runs);
  std::sort(runs.begin(), runs.end(), [](Run const& a, Run const& b) { return a.begin < b.begin; });
  std::vector<Run> apart;
  for (Run const& run : runs) {
    if (apart.empty() || run.begin >= apart.back().end())
      apart.push_back(run);
    else if (run.count > apart.back().count)
      apart.back() = run;
  }
  return apart;
}

/// Biases as integers: far below 2^31, so that the top byte only repeats the sign.
auto looks_like_integers(ByteView file, uint64_t begin, uint64_t count) -> bool {
  uint64_t small = 0;
  for (uint64_t i = 0; i < count; ++i) {
    auto const value =
        static_cast<int32_t>(bits_at(file, static_cast<size_t>(begin + kFloatBytes * i)));
    small += value > -(1 << 23) && value < 1 << 23;
  }
  return small * 20 >= count * 19;
}

struct Matrix {
  uint64_t begin = 0;
  uint64_t rows = 0;
  uint64_t cols = 0;
  bool integers = false;  // as many follow it
  auto end() const -> uint64_t { return begin + rows * cols; }
};

class Finder {
 public:
  explicit Finder(ByteView file) : file_(file), runs_(all_runs(file)) {
    runs_.push_back({.begin = file.size(), .count = 0});
  }

  auto run() && -> std::vector<TensorSpan> {
    uint64_t rows_before = 0;
    for (size_t i = 0; i + 1 < runs_.size(); ++i) {
      auto const found = matrix_after(i, rows_before);
      bool const apart = found && found->begin >= covered_;
      if (apart) add(*found, runs_[i].begin);
      rows_before = apart && !found->integers ? found->rows : 0;
    }
    if (rows_before) add_row(ElementType::fp32, covered_, runs_[runs_.size() - 2].end());
    return std::move(spans_);
  }

 private:
  /// Runs by chance lie inside of matrices: the next ones are tried too.
  auto matrix_after(size_t run, uint64_t rows_before) const -> std::optional<Matrix> {
    for (size_t next = run + 1; next < runs_.size() && next <= run + kRunsTried; ++next)
      if (auto found = matrix_between(runs_[run], runs_[next], rows_before)) return found;
    return std::nullopt;
  }

  /// The matrix of so many rows that begins at `begin`, if one ends at `end` or a little later.
  auto matrix_at(uint64_t begin, uint64_t rows, uint64_t end, bool integers) const
      -> std::optional<Matrix> {
    for (uint64_t stray = 0; stray <= kStrayMax; ++stray, end += kFloatBytes) {
      uint64_t const biases = integers ? kFloatBytes * rows : 0;
      if (end <= begin || end + biases > file_.size() || (end - begin) % rows != 0) continue;
      uint64_t const cols = (end - begin) / rows;
      if (cols < kColumnsMin || cols > kColumnsMax) continue;
      if (integers && !looks_like_integers(file_, end, rows)) continue;
      return Matrix{.begin = begin, .rows = rows, .cols = cols, .integers = integers};
    }
    return std::nullopt;
  }

  /// Before a matrix lie its scales, perhaps behind the biases of the matrix before; after it its
  /// biases, as integers or as the floats of the next run.
  auto matrix_between(Run const& before, Run const& after, uint64_t rows_before) const
      -> std::optional<Matrix> {
    for (uint64_t stray = 0; stray <= kStrayMax && stray < before.count; ++stray) {
      uint64_t const floats = before.count - stray;
      uint64_t const begin = before.begin + kFloatBytes * floats;
      for (uint64_t const biases : {rows_before, uint64_t{0}}) {
        if (floats < biases + kRunMin) continue;
        uint64_t const rows = floats - biases;
        if (after.begin > begin + kFloatBytes * rows)
          if (auto found = matrix_at(begin, rows, after.begin - kFloatBytes * rows, true))
            return found;
        if (after.count + kStrayMax < rows) continue;
        if (auto found = matrix_at(begin, rows, after.begin, false)) return found;
      }
    }
    return std::nullopt;
  }

  void add(Matrix const& matrix, uint64_t floats_from) {
    add_row(ElementType::fp32, std::max(covered_, floats_from), matrix.begin);
    spans_.push_back({.name = "at " + std::to_string(matrix.begin),
                      .type = ElementType::int8,
                      .offset = matrix.begin,
                      .rows = static_cast<uint32_t>(matrix.rows),
                      .cols = static_cast<uint32_t>(matrix.cols),
                      .scales = ScaleSpan{.offset = matrix.begin - kFloatBytes * matrix.rows,
                                          .count = static_cast<uint32_t>(matrix.rows)}});
    covered_ = matrix.end();
    if (matrix.integers)
      add_row(ElementType::int32, covered_, covered_ + kFloatBytes * matrix.rows);
  }

  void add_row(ElementType type, uint64_t begin, uint64_t end) {
    if (end < begin + kFloatBytes * kRunMin) return;
    spans_.push_back({.name = "at " + std::to_string(begin),
                      .type = type,
                      .offset = begin,
                      .rows = 1,
                      .cols = static_cast<uint32_t>((end - begin) / kFloatBytes)});
    covered_ = end;
  }

  ByteView file_;
  std::vector<Run> runs_;
  std::vector<TensorSpan> spans_;
  uint64_t covered_ = 0;
};

}  // namespace

auto find_scaled_rows(ByteView file) -> std::vector<TensorSpan> {
  return Finder(file).run();
}

}  // namespace godwit::delta
