// What the numbers of a tensor look like, as far as it tells how they can be coded.
#pragma once

#include <vector>

#include "proto/format/weights/segment.h"
#include "server/delta/pages.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

auto element_of(ElementType type) -> proto::weights::Element;
auto is_float(ElementType type) -> bool;
auto row_of(ByteView file, TensorSpan const& tensor, uint32_t row) -> ByteView;

/// Whether a sample of its numbers holds few that differ: weights that share a codebook.
auto has_few_values(ByteView file, TensorSpan const& tensor) -> bool;
/// All values of the tensor, in order (proto::weights::in_order), if they are at most 256.
auto codebook_of(ByteView file, TensorSpan const& tensor, Pages& pages) -> std::vector<uint32_t>;
/// Floats that were shorter once, stored in more bits: so many of their lowest are zero in all.
auto trailing_zeros(ByteView file, TensorSpan const& tensor, Pages& pages) -> uint32_t;

}  // namespace godwit::delta
