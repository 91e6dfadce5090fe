// Codes int8 weights that nothing of the old file resembles: a magnitude of seven bits, highest
// first, then a sign. Converters scale each channel so that its largest weight is 127 or -127:
// where that is so, it is told first which weight it is (docs/format-delta.md, "int8 alone").
#pragma once

#include <cstdlib>
#include <span>

#include "proto/format/weights/mixing.h"
#include "proto/format/weights/segment.h"

namespace godwit::proto::weights {

/// Running statistics of one column; at most kColumnsMax of them are kept.
struct AloneColumn {
  uint16_t rate = 0;  // the mean magnitude, in 1/256
  int8_t above = 0;
  bool peaked = false;  // its largest weight was seen
};

/// How large a mean magnitude is, in twelve steps.
constexpr auto make_magnitude_steps() -> std::array<uint8_t, 129> {
  constexpr std::array<size_t, 11> kBounds = {1, 3, 7, 13, 19, 25, 32, 40, 50, 64, 80};
  std::array<uint8_t, 129> steps{};
  for (size_t magnitude = 0; magnitude < steps.size(); ++magnitude)
    for (size_t const bound : kBounds)
      steps[magnitude] = static_cast<uint8_t>(steps[magnitude] + (magnitude >= bound));
  return steps;
}
inline constexpr auto kMagnitudeSteps = make_magnitude_steps();

/// How large a weight is, in six steps.
constexpr auto make_magnitude_sizes() -> std::array<uint8_t, 129> {
  constexpr std::array<size_t, 5> kBounds = {1, 10, 24, 48, 80};
  std::array<uint8_t, 129> sizes{};
  for (size_t magnitude = 0; magnitude < sizes.size(); ++magnitude)
    for (size_t const bound : kBounds)
      sizes[magnitude] = static_cast<uint8_t>(sizes[magnitude] + (magnitude >= bound));
  return sizes;
}
inline constexpr auto kMagnitudeSizes = make_magnitude_sizes();

/// `Cells` keep what most decisions see.
template <template <size_t> typename Cells>
class AloneModel {
 public:
  void reset() {
    magnitude_.reset(kWeight);
    peaked_ = {};
    least_ = {};
    rate_ = kTypicalRate;
  }
  void begin_segment(Segment const& segment) {
    peaks_ = segment.peaks;
    rows_ = segment.rows;
    cols_ = segment.cols;
    row_ = 0;
    sign_.reset(kSignWeight);
    magnitude_.forget(kOwn, kNodes);
  }
  void begin_row() {
    left_ = {};
    above_left_ = 0;
    row_rate_ = rate_;
    row_peaked_ = false;
    at_ = 0;
  }
  void end_row() { ++row_; }

  /// Codes a weight and returns it; `column` is its own, or nothing where none are kept.
  template <typename Coder>
  auto code(Coder& coder, int8_t weight, AloneColumn* column) -> int8_t {
    AloneColumn const seen = column ? *column : AloneColumn();
    bool const at_top = column == nullptr || row_ == 0;
    bool const peaked = peaks_ == Peaks::rows ? row_peaked_ : seen.peaked;
    int32_t magnitude = std::abs(int32_t{weight});
    bool const peak = peaks_ != Peaks::none && code_peak(coder, magnitude == kPeak, peaked);
    if (peak)
      magnitude = kPeak;
    else
      magnitude = code_magnitude(coder, magnitude, seen, at_top,
                                 peaks_ == Peaks::none ? 2 : static_cast<size_t>(peaked));
    bool negative = false;
    if (magnitude > 0)
      negative = code_sign(coder, weight < 0, seen.above);
    else if (least_.code(coder, weight == -128))
      magnitude = -128;
    auto const made = static_cast<int8_t>(negative ? -magnitude : magnitude);
    learn(made, peak, column);
    return made;
  }

 private:
  static constexpr int32_t kPeak = 127;
  static constexpr size_t kNodes = 128;
  static constexpr size_t kSteps = 12;
  /// Contexts of each input; the second's are of this tensor alone.
  static constexpr std::array<size_t, 8> kContexts = {1, 1, kSteps, kSteps, 36, 36, 16, kSteps};
  static constexpr size_t kOwn = kNodes;
  static constexpr size_t kSlots = kNodes * (1 + 1 + kSteps + kSteps + 36 + 36 + 16 + kSteps);
  static constexpr size_t kSets = 7 * 6;
  static constexpr size_t kPlaces = 64;
  static constexpr int16_t kWeight = 16384 * 20 / 100;
  static constexpr int16_t kSignWeight = 16384 * 30 / 100;
  static constexpr int32_t kTypicalRate = 36 * 256;

  static auto step_of(int32_t rate) -> size_t {
    return kMagnitudeSteps[static_cast<size_t>(rate >> 8)];
  }
  static auto size_of(int8_t weight) -> size_t {
    return kMagnitudeSizes[static_cast<size_t>(std::abs(int32_t{weight}))];
  }
  /// Without branches, which would go as signs do: nobody knows where.
  static auto sign_of(int8_t weight) -> size_t {
    return static_cast<size_t>(weight < 0) + 2 * static_cast<size_t>(weight > 0);
  }

  /// Of n weights that are left in a channel each is as likely its largest.
  template <typename Coder>
  auto code_peak(Coder& coder, bool peak, bool peaked) -> bool {
    if (peaked) return peaked_.code(coder, peak);
    uint32_t const left = peaks_ == Peaks::rows ? cols_ - at_ : rows_ - row_;
    return coder.bit(peak, std::clamp<uint32_t>(65536 / std::max(left, 1u), 16, 65472));
  }

  template <typename Coder>
  auto code_magnitude(Coder& coder, int32_t magnitude, AloneColumn const& seen, bool at_top,
                      size_t second) -> int32_t {
    size_t const row = step_of(row_rate_);
    size_t const column = at_top ? kSteps - 1 : std::min(step_of(seen.rate), kSteps - 2);
    int32_t const both = (row_rate_ + 2 * (at_top ? row_rate_ : int32_t{seen.rate})) / 3;
    size_t const zeros = size_t{left_[0] == 0} + 2 * size_t{seen.above == 0} +
                         4 * size_t{left_[1] == 0} + 8 * size_t{at_ > 0 && above_left_ == 0};
    std::array<size_t, 8> const contexts = {0,
                                            0,
                                            row,
                                            column,
                                            size_of(left_[0]) * 6 + size_of(seen.above),
                                            size_of(left_[0]) * 6 + size_of(left_[1]),
                                            zeros,
                                            step_of(both)};
    size_t const activity = std::min<size_t>(row / 2, 5);
    for (size_t i = 0, base = 0; i < contexts.size(); base += kContexts[i++])
      magnitude_.select(i, (base + contexts[i]) * kNodes);
    return static_cast<int32_t>(magnitude_.template code_bits<7>(
        coder, static_cast<uint32_t>(magnitude),
        [activity](size_t depth) { return depth * 6 + activity; },
        [second](size_t depth) { return depth * 3 + second; }));
  }

  template <typename Coder>
  auto code_sign(Coder& coder, bool negative, int8_t above) -> bool {
    size_t const left = sign_of(left_[0]);
    std::array<size_t, 4> const contexts = {
        left * 9 + sign_of(above) * 3 + (at_ > 0 ? sign_of(above_left_) : 0),
        std::min<size_t>(at_, kPlaces - 1), std::min<size_t>(row_, kPlaces - 1),
        left * 3 + sign_of(left_[1])};
    for (size_t i = 0; i < contexts.size(); ++i) sign_.select(i, i * kPlaces + contexts[i]);
    return sign_.code(coder, negative, 0, 0, 0);
  }

  void learn(int8_t weight, bool peak, AloneColumn* column) {
    int32_t const size = std::abs(int32_t{weight}) * 256;
    row_peaked_ = row_peaked_ || peak;
    row_rate_ += (size - row_rate_) >> 4;
    rate_ += (size - rate_) >> 7;
    above_left_ = column ? column->above : int8_t{0};
    left_ = {weight, left_[0]};
    ++at_;
    if (!column) return;
    int const shift = row_ < 4 ? 1 : row_ < 16 ? 3 : 4;
    column->rate = static_cast<uint16_t>(
        row_ == 0 ? size : column->rate + ((size - int32_t{column->rate}) >> shift));
    column->above = weight;
    column->peaked = column->peaked || peak;
  }

  Mixing<8, 1, kSlots, kSets, Cells> magnitude_;
  Mixing<4, 1, 4 * kPlaces, 1> sign_;
  AdaptiveBit peaked_;  // is it as large, after the largest was seen?
  AdaptiveBit least_;   // is it -128, and not 0?
  Peaks peaks_ = Peaks::none;
  uint32_t rows_ = 0;
  uint32_t cols_ = 0;
  uint32_t row_ = 0;
  uint32_t at_ = 0;  // in the row
  bool row_peaked_ = false;
  int32_t rate_ = 0;  // mean magnitudes, in 1/256
  int32_t row_rate_ = 0;
  std::array<int8_t, 2> left_{};
  int8_t above_left_ = 0;
};

}  // namespace godwit::proto::weights
