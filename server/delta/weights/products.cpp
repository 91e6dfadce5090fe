#include "server/delta/weights/products.h"

#include <bit>

#include "proto/format/weights/kept_floats.h"
#include "proto/format/weights/tensor_rows.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// So many lists are looked at, the newest first.
constexpr size_t kListsMax = 64;
/// Below this many numbers describing a product costs more than it saves.
constexpr uint32_t kCountMin = 4;
/// A quotient of two rounded numbers is known to so many of its last places.
constexpr int32_t kPlacesOff = 4;

}  // namespace

void ProductFinder::begin_block() {
  made_ = 0;
  lists_.clear();
}

auto ProductFinder::take(weights::Segment& segment, uint64_t new_offset) -> bool {
  if (segment.kind != weights::SegmentKind::tensor || segment.tabled || segment.rows != 1 ||
      segment.element != weights::Element::fp32)
    return false;
  List const list{.new_offset = new_offset, .count = segment.cols, .at = made_};
  bool made = false;
  for (size_t i = lists_.size(); i > 0 && i + kListsMax > lists_.size(); --i) {
    List const& other = lists_[i - 1];
    if (made_ - other.at > room_) break;
    bool const alike = other.count == list.count && !segment.halves;
    uint32_t const times = alike ? quotient(list, other) : 0;
    if (times == 0) continue;
    segment = {.kind = weights::SegmentKind::tensor,
               .bytes = segment.bytes,
               .element = weights::Element::fp32,
               .rows = 1,
               .cols = segment.cols,
               .further = true,
               .back = static_cast<uint32_t>(made_ - other.at),
               .times = times};
    made = true;
    break;
  }
  if (segment.has_codes()) return made;  // what is coded as codes is not remembered
  lists_.push_back(list);
  made_ += list.count;
  return made;
}

auto ProductFinder::number(uint64_t new_offset, uint32_t index) const -> uint32_t {
  return weights::load(new_.subspan(static_cast<size_t>(new_offset) + size_t{4} * index, 4));
}

auto ProductFinder::quotient(List const& product, List const& of) const -> uint32_t {
  if (product.count < kCountMin) return 0;
  auto const near = std::bit_cast<uint32_t>(std::bit_cast<float>(number(product.new_offset, 0)) /
                                            std::bit_cast<float>(number(of.new_offset, 0)));
  for (int32_t off = -kPlacesOff; off <= kPlacesOff; ++off) {
    uint32_t const times = near + static_cast<uint32_t>(off);
    uint32_t same = 0;
    while (same < product.count && weights::product_of(number(of.new_offset, same), times) ==
                                       number(product.new_offset, same))
      ++same;
    if (same == product.count) return times;
  }
  return 0;
}

}  // namespace godwit::delta
