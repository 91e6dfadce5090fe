// At what distance a sequence of magnitudes repeats: the autocorrelation peak that gives away the
// length of rows in a raw file of weights.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace godwit::delta {

class Repeat {
 public:
  static constexpr size_t kDistanceMax = 4096;

  explicit Repeat(std::vector<int16_t> magnitudes);

  /// The distance at which the magnitudes repeat most; none when at no distance more than chance
  /// would have it. Looks at every distance: some 100 million multiplications.
  auto distance() const -> std::optional<size_t>;
  /// Whether they repeat at this one, which costs three distances' work.
  auto at(size_t distance) const -> bool;

 private:
  auto product(size_t distance) const -> double;

  std::vector<int16_t> centred_;
  size_t terms_ = 0;
  size_t distance_max_ = 0;
  double chance_ = 0;  // standard deviation of a product of sequences that have nothing in common
};

}  // namespace godwit::delta
