#include "server/delta/weights/low_rank.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "proto/format/weights/factors.h"

namespace godwit::delta {
namespace {

constexpr size_t kWidth = 32;  // directions that are iterated together
constexpr int kIterations = 2;
/// Shorter directions, beside the longest, are what rounding left of nothing.
constexpr double kLengthMin = 1e-5;
using Direction = std::array<float, kWidth>;
using Square = std::array<std::array<double, kWidth>, kWidth>;

/// Pseudo-random, always the same.
auto start(size_t count) -> std::vector<Direction> {
  std::vector<Direction> directions(count);
  uint32_t state = 12345;
  for (auto& direction : directions)
    for (float& value : direction) {
      state = state * 1664525 + 1013904223;
      value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
    }
  return directions;
}

void add_scaled(Direction& to, Direction const& from, float by) {
  for (size_t k = 0; k < kWidth; ++k) to[k] += from[k] * by;
}

auto gram(std::vector<Direction> const& rows) -> Square {
  Square sums{};
  for (auto const& row : rows)
    for (size_t a = 0; a < kWidth; ++a)
      for (size_t b = 0; b <= a; ++b) sums[a][b] += double{row[a]} * row[b];
  for (size_t a = 0; a < kWidth; ++a)
    for (size_t b = a + 1; b < kWidth; ++b) sums[a][b] = sums[b][a];
  return sums;
}

/// Eigenvalues on the diagonal of `a`, vectors as columns of the result (Jacobi's rotations).
auto diagonalise(Square& a) -> Square {
  Square v{};
  for (size_t i = 0; i < kWidth; ++i) v[i][i] = 1;
  bool turned = true;
  for (int sweep = 0; turned && sweep < 12; ++sweep) {
    turned = false;
    for (size_t p = 0; p < kWidth; ++p)
      for (size_t q = p + 1; q < kWidth; ++q) {
        if (std::abs(a[p][q]) <= 1e-9 * std::sqrt(std::abs(a[p][p] * a[q][q]))) continue;
        turned = true;
        double const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        double const t =
            (theta >= 0 ? 1.0 : -1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        double const c = 1 / std::sqrt(t * t + 1);
        double const s = t * c;
        auto const rotate = [&](double& x, double& y) {
          double const kept = x;
          x = c * kept - s * y;
          y = s * kept + c * y;
        };
        for (size_t k = 0; k < kWidth; ++k) rotate(a[k][p], a[k][q]);
        for (size_t k = 0; k < kWidth; ++k) rotate(a[p][k], a[q][k]);
        for (size_t k = 0; k < kWidth; ++k) rotate(v[k][p], v[k][q]);
      }
  }
  return v;
}

/// Columns of `rows` become orthogonal and of length one, ordered by how long they were; returns
/// those lengths.
auto orthonormalise(std::vector<Direction>& rows) -> std::array<double, kWidth> {
  Square sums = gram(rows);
  Square const vectors = diagonalise(sums);
  std::array<size_t, kWidth> order;
  for (size_t k = 0; k < kWidth; ++k) order[k] = k;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return sums[a][a] > sums[b][b]; });
  std::array<double, kWidth> lengths;
  for (size_t k = 0; k < kWidth; ++k)
    lengths[k] = std::sqrt(std::max(sums[order[k]][order[k]], 0.0));
  std::array<Direction, kWidth> turn;
  for (size_t i = 0; i < kWidth; ++i)
    for (size_t k = 0; k < kWidth; ++k)
      turn[i][k] = lengths[k] > kLengthMin * lengths[0]
                       ? static_cast<float>(vectors[i][order[k]] / lengths[k])
                       : 0.0f;
  for (auto& row : rows) {
    Direction turned{};
    for (size_t i = 0; i < kWidth; ++i) add_scaled(turned, turn[i], row[i]);
    row = turned;
  }
  return lengths;
}

struct Decomposition {
  std::vector<Direction> left;   // of rows, of length one
  std::vector<Direction> right;  // of columns
  std::array<double, kWidth> lengths{};
  double total = 0;  // sum of all squares of the matrix
};

auto times(std::span<float const> row, std::vector<Direction> const& right) -> Direction {
  Direction sum{};
  for (size_t j = 0; j < row.size(); ++j) add_scaled(sum, right[j], row[j]);
  return sum;
}

auto decompose(Matrix const& matrix) -> Decomposition {
  Decomposition d;
  d.right = start(matrix.cols);
  std::vector<float> row(matrix.cols);
  for (int i = 0; i < kIterations; ++i) {
    std::vector<Direction> next(matrix.cols, Direction{});
    // The first iteration only has to point roughly where the large components are.
    uint32_t const step = i == 0 && matrix.rows > 512 ? 4 : 1;
    for (uint32_t r = 0; r < matrix.rows; r += step) {
      matrix.row(r, row);
      Direction const at = times(row, d.right);
      for (size_t j = 0; j < row.size(); ++j) add_scaled(next[j], at, row[j]);
    }
    d.right = std::move(next);
    orthonormalise(d.right);
  }
  d.left.resize(matrix.rows);
  for (uint32_t r = 0; r < matrix.rows; ++r) {
    matrix.row(r, row);
    d.left[r] = times(row, d.right);
    for (float const value : row) d.total += double{value} * value;
  }
  // left = matrix * right, right orthonormal: turning both by the vectors of left' left makes left
  // orthogonal too.
  Square sums = gram(d.left);
  Square const vectors = diagonalise(sums);
  std::array<size_t, kWidth> order;
  for (size_t k = 0; k < kWidth; ++k) order[k] = k;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return sums[a][a] > sums[b][b]; });
  auto const turn = [&](std::vector<Direction>& rows, bool unit) {
    for (auto& each : rows) {
      Direction turned{};
      for (size_t k = 0; k < kWidth; ++k) {
        double sum = 0;
        for (size_t i = 0; i < kWidth; ++i) sum += each[i] * vectors[i][order[k]];
        turned[k] = static_cast<float>(unit && d.lengths[k] > 0 ? sum / d.lengths[k] : sum);
      }
      each = turned;
    }
  };
  for (size_t k = 0; k < kWidth; ++k)
    d.lengths[k] = std::sqrt(std::max(sums[order[k]][order[k]], 0.0));
  turn(d.left, true);
  turn(d.right, false);
  return d;
}

/// How many components pay: each saves about s^2 / (2 ln 2 * noise) bits and costs its entries.
auto worthwhile(Decomposition const& d, double rows, double cols, RankLimits const& limits,
                double& noise) -> uint32_t {
  double left = d.total;
  uint32_t rank = 0;
  for (uint32_t k = 0; k < limits.rank_max && k < kWidth; ++k) {
    double const square = d.lengths[k] * d.lengths[k];
    double const rest = std::max(left - square, limits.noise / 20 * rows * cols);
    double const saved = rows * cols / 2 * std::log2(std::max(left, 1e-9) / rest);
    // Entries are quantised so that their noise is a small part of what stays.
    double const step = std::sqrt(12 * rest / (rows * cols) * 0.02);
    double const bits = std::log2(1 + square / (step * step) / (rows + cols)) / 2 + 2;
    if (saved < bits * (rows + cols) * 1.1) break;
    left -= square;
    rank = k + 1;
  }
  noise = std::max(left / (rows * cols), limits.noise);
  return rank;
}

/// Steps of the entries of each component.
struct Steps {
  std::vector<double> row;
  std::vector<double> column;
  double weight_max = 0;
};

/// The noise of quantising both factors, in squares of an element, where rate and loss balance.
auto steps_of(Decomposition const& d, double rows, double cols, uint32_t rank, double noise)
    -> Steps {
  double const budget = noise * std::min(0.2, rank * (rows + cols) / (rows * cols)) / 2;
  double const row_step = std::sqrt(budget * 12 * cols / rank);
  double const col_step = std::sqrt(budget * 12 * rows / rank);
  Steps steps{.row = std::vector<double>(rank), .column = std::vector<double>(rank)};
  for (uint32_t k = 0; k < rank; ++k) {
    double const s = d.lengths[k];
    double largest = 0;
    for (auto const& each : d.right) largest = std::max(largest, std::abs(double{each[k]}));
    steps.row[k] = row_step / s;
    steps.column[k] = std::max(col_step / s, largest / 127);
    double entry = 0;
    for (auto const& each : d.left) entry = std::max(entry, std::abs(double{each[k]}));
    steps.row[k] = std::max(steps.row[k], entry / 16000);
    steps.weight_max = std::max(steps.weight_max, entry * s * steps.column[k]);
  }
  return steps;
}

/// Adds components to a move, whose entries lie row by row. The steps of rows are made such that
/// the multipliers are whole.
void append(RankedMove& move, Decomposition const& d, Steps steps) {
  auto const added = static_cast<uint32_t>(steps.row.size());
  for (uint32_t k = 0; k < added; ++k) {
    double const whole = std::ldexp(d.lengths[k] * steps.column[k], move.fraction + 8);
    auto const multiplier =
        static_cast<uint32_t>(std::max(std::lround(std::min(steps.row[k] * whole, 4e9)), 1l));
    steps.row[k] = multiplier / whole;
    move.multipliers.push_back(multiplier);
    for (auto const& each : d.right)
      move.columns.push_back(
          static_cast<int8_t>(std::clamp(std::lround(each[k] / steps.column[k]), -127l, 127l)));
  }
  std::vector<int16_t> entries;
  for (size_t row = 0; row < d.left.size(); ++row) {
    auto const before = move.entries.begin() + static_cast<ptrdiff_t>(row * move.rank);
    entries.insert(entries.end(), before, before + move.rank);
    for (uint32_t k = 0; k < added; ++k)
      entries.push_back(static_cast<int16_t>(
          std::clamp(std::lround(d.left[row][k] / steps.row[k]), -16000l, 16000l)));
  }
  move.entries = std::move(entries);
  move.rank += added;
}

/// What a move leaves of the matrix, the move as a decoder makes it.
auto rest_of(Matrix const& matrix, RankedMove const& move) -> Matrix {
  return {.rows = matrix.rows,
          .cols = matrix.cols,
          .row = [&matrix, &move, sums = std::vector<int32_t>(matrix.cols)](
                     uint32_t row, std::span<float> out) mutable {
            namespace weights = proto::weights;
            matrix.row(row, out);
            std::array<int16_t, weights::kRankMax> by{};
            for (uint32_t k = 0; k < move.rank; ++k)
              by[k] = weights::row_weight(move.entries[size_t{row} * move.rank + k],
                                          move.multipliers[k]);
            weights::add_products(std::span(by).first(move.rank), move.columns, 0, sums);
            for (size_t j = 0; j < out.size(); ++j)
              out[j] -= std::ldexp(static_cast<float>(sums[j]), -move.fraction);
          }};
}

/// Refining more often than this finds what the sums' own fraction takes away.
constexpr int kRefinementsMax = 3;
/// Is a move of so low a rank that what it leaves is mostly the noise of its quantised factors?
constexpr double kMostlyExplained = 0.02;

}  // namespace

auto find_ranked_move(Matrix const& matrix, RankLimits const& limits) -> RankedMove {
  RankedMove move;
  if (limits.rank_max == 0 || std::min(matrix.rows, matrix.cols) < 4) return move;
  Decomposition d = decompose(matrix);
  double const rows = matrix.rows;
  double const cols = matrix.cols;
  double noise = 0;
  uint32_t found = worthwhile(d, rows, cols, limits, noise);
  if (found == 0) return move;
  Steps steps = steps_of(d, rows, cols, found, noise);
  move.fraction = limits.fraction_min;
  while (move.fraction < limits.fraction_max &&
         std::ldexp(steps.weight_max, move.fraction + 1) < 32000)
    ++move.fraction;
  move.fraction_bits = static_cast<uint32_t>(std::max(move.fraction, 0));
  append(move, d, steps);
  double left = noise * rows * cols;
  for (int i = 0; limits.refine && i < kRefinementsMax; ++i) {
    if (move.rank >= limits.rank_max || (left > kMostlyExplained * d.total && found < kWidth))
      break;
    Matrix const rest = rest_of(matrix, move);
    d = decompose(rest);
    RankLimits further = limits;
    further.rank_max = limits.rank_max - move.rank;
    found = worthwhile(d, rows, cols, further, noise);
    if (found == 0) break;
    left = noise * rows * cols;
    append(move, d, steps_of(d, rows, cols, found, noise));
  }
  return move;
}

}  // namespace godwit::delta
