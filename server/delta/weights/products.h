// Finds float32 lists that are an earlier list of their block times one number, bit by bit: the
// scales of biases, which converters compute from those of the weights and of the input.
#pragma once

#include <vector>

#include "proto/base/bytes.h"
#include "proto/format/weights/segment.h"

namespace godwit::delta {

class ProductFinder {
 public:
  /// `room`: so many numbers the decoder remembers.
  ProductFinder(ByteView new_file, uint32_t room) : new_(new_file), room_(room) {}

  void begin_block();
  /// Of each segment of a block, in order: true when it now is described as a product.
  auto take(proto::weights::Segment& segment, uint64_t new_offset) -> bool;

 private:
  struct List {
    uint64_t new_offset = 0;
    uint32_t count = 0;
    uint64_t at = 0;  // numbers made before it
  };
  auto number(uint64_t new_offset, uint32_t index) const -> uint32_t;
  /// The number that makes one of the other, or 0.
  auto quotient(List const& product, List const& of) const -> uint32_t;

  ByteView new_;
  uint32_t room_;
  uint64_t made_ = 0;
  std::vector<List> lists_;
};

}  // namespace godwit::delta
