// Codes the descriptions of a block's segments, for encoder and decoder alike
// (docs/format-delta.md, "Described blocks"). What was decoded is held to sense by `settle`.
#pragma once

#include "proto/format/weights/number_model.h"
#include "proto/format/weights/segment.h"

namespace godwit::proto::weights {

class DescriptionModel {
 public:
  void reset() { *this = DescriptionModel(); }

  /// `expected` is where the segment before stopped reading the old file.
  template <typename Coder>
  void code(Coder& coder, uint64_t expected, Segment& segment) {
    kind_ = bits(coder, kinds_[kind_], 2, static_cast<uint32_t>(segment.kind));
    segment.kind = static_cast<SegmentKind>(kind_);
    bool const tensor = segment.kind == SegmentKind::tensor;
    if (tensor)
      tensor_fields(coder, segment);
    else
      number(coder, bytes_, segment.bytes);
    if (!tensor && segment.kind != SegmentKind::copy)
      segment.tabled = bytes_tabled_.code(coder, segment.tabled);
    bool const reads = !tensor || segment.from_old;
    uint64_t const distance = reads ? segment.old_offset - expected : 0;
    segment.old_offset =
        expected + (reads ? static_cast<uint64_t>(unfold(static_cast<int64_t>(
                                old_.code(coder, fold(static_cast<int64_t>(distance))))))
                          : 0);
    if (segment.kind != SegmentKind::copy) number(coder, coded_, segment.coded_bytes);
  }

 private:
  static constexpr uint32_t kHasCodebook = 255;  // in the place of trailing zeros
  static constexpr uint32_t kIsProduct = 254;
  static constexpr uint32_t kIsHalves = 253;
  static constexpr uint32_t kIsWaves = 252;

  template <typename Coder, size_t kNodes>
  static auto bits(Coder& coder, std::array<AdaptiveBit, kNodes>& nodes, uint32_t count,
                   uint32_t value) -> uint32_t {
    uint32_t node = 1;
    for (uint32_t i = count; i-- > 0;) node = node * 2 + nodes[node].code(coder, (value >> i) & 1);
    return node - (1u << count);
  }
  template <typename Coder, size_t kBits>
  static void number(Coder& coder, NumberModel<kBits>& model, uint32_t& value) {
    value = static_cast<uint32_t>(model.code(coder, value));
  }

  template <typename Coder>
  void tensor_fields(Coder& coder, Segment& segment) {
    auto const element = bits(coder, elements_, 3, static_cast<uint32_t>(segment.element));
    segment.element = static_cast<Element>(element);
    auto& flags = flags_[element];
    size_t at = 0;
    for (bool* const flag : {&segment.from_old, &segment.scaled, &segment.ranked, &segment.wide,
                             &segment.tabled, &segment.further})
      *flag = flags[at++].code(coder, *flag);
    number(coder, rows_, segment.rows);
    number(coder, cols_, segment.cols);
    if (segment.ranked) number(coder, factor_, segment.factor);
    if (segment.further) further(coder, segment);
  }

  template <typename Coder>
  void further(Coder& coder, Segment& segment) {
    uint32_t how = segment.codebook ? kHasCodebook
                   : segment.back   ? kIsProduct
                   : segment.halves ? kIsHalves
                   : segment.waves  ? kIsWaves
                                    : segment.trailing;
    if (is_narrow(segment.element)) how = static_cast<uint32_t>(segment.peaks);
    number(coder, how_, how);
    if (is_narrow(segment.element)) {
      segment.peaks = static_cast<Peaks>(how);
    } else if (how == kHasCodebook) {
      uint32_t less_one = segment.codebook - 1;
      number(coder, codebook_, less_one);
      segment.codebook = less_one + 1;
    } else if (how == kIsProduct) {
      number(coder, back_, segment.back);
      uint32_t times = 0;
      for (uint32_t i = 32; i-- > 0;)
        times = times << 1 | uint32_t{coder.bit((segment.times >> i) & 1, 32768)};
      segment.times = times;
    } else if (how == kIsHalves) {
      segment.halves = true;
      number(coder, how_, segment.trailing);
    } else if (how == kIsWaves) {
      segment.waves = true;
      number(coder, waves_, segment.first_wave);
      number(coder, waves_, segment.cosines);
      segment.rising = coder.bit(segment.rising, 32768);
    } else {
      segment.trailing = how;
    }
  }

  std::array<std::array<AdaptiveBit, 4>, 4> kinds_;  // by the kind before
  std::array<AdaptiveBit, 8> elements_;
  std::array<std::array<AdaptiveBit, 6>, 8> flags_;  // by element
  NumberModel<9> how_;
  NumberModel<20> bytes_;
  NumberModel<20> rows_;
  NumberModel<20> cols_;
  NumberModel<20> coded_;
  NumberModel<20> factor_;
  NumberModel<20> back_;
  NumberModel<20> waves_;
  NumberModel<9> codebook_;
  NumberModel<40> old_;
  AdaptiveBit bytes_tabled_;
  uint32_t kind_ = 0;
};

}  // namespace godwit::proto::weights
