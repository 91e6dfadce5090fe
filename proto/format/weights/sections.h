// The sections of a patch: what all its blocks share, each behind eight bytes of type, flags and
// length (docs/format-delta.md, "Sections").
#pragma once

#include "proto/format/weights/decoder.h"
#include "proto/format/weights/factors.h"

namespace godwit::proto::weights {

constexpr uint16_t kFactorsSection = 1;
constexpr uint16_t kSectionCritical = 1;
constexpr size_t kSectionHeaderBytes = 8;
constexpr size_t kFactorHeaderBytes = 6;

/// Where the factors of this index lie in the patch; `corrupt` when there are fewer.
auto find_factors(ByteSource& patch, Range const& sections, uint32_t index) -> Result<Range>;
/// Reads the fixed part; `factors` moves behind it.
auto read_factor_header(ByteSource& patch, Range& factors) -> Result<FactorHeader>;
auto read_u32(ByteSource& patch, Range& range) -> Result<uint32_t>;

}  // namespace godwit::proto::weights
