// How int8 that nothing resembles may have been scaled: each channel so that its largest weight is
// 127 or -127, or otherwise.
#pragma once

#include <vector>

#include "proto/format/weights/segment.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

/// The ways of peaks that are worth a trial; none for other types.
auto likely_peaks(ByteView file, TensorSpan const& tensor) -> std::vector<proto::weights::Peaks>;

/// A segment of int8 coded by its peaks.
inline auto by_peaks(proto::weights::Segment segment, proto::weights::Peaks peaks)
    -> proto::weights::Segment {
  segment.wide = false;
  segment.further = true;
  segment.peaks = peaks;
  return segment;
}

}  // namespace godwit::delta
