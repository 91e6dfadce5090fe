// How deltas are made: by the server's worker and by the command line. Pure functions over bytes;
// what they make is applied once with proto/format/patch before it is returned.
#pragma once

#include <functional>

#include "proto/base/bytes.h"
#include "proto/format/container.h"
#include "server/delta/tensor_map.h"

namespace godwit::delta {

struct PatchOptions {
  proto::PatchFormat format = proto::PatchFormat::godwit;
  /// What the device can decode, for the format `godwit`.
  proto::Profile profile = proto::Profile::weights_large;
  /// What the files are known to hold; ignored by the format `bsdiff` and the profile `bytes`.
  std::span<TensorPair const> tensors{};
  /// Of the format `bsdiff`: 9 as bsdiff writes, or less for decoders of less memory.
  int bzip2_level = 9;
  /// Called where pages of the files may leave memory, if the caller has them mapped.
  std::function<void()> let_go{};
  /// Told how much of the work is done, roughly; never goes back.
  std::function<void(uint32_t)> on_percent{};
};

/// A patch that turns `old_file` into `new_file`, checked by applying it. `invalid` when a file is
/// larger than limits::kModelBytesMax.
/// Memory: the patch, and 5 bytes per byte of the old file that is no tensor for the suffix array
/// and its text; of the files, with `let_go`, about a megabyte at a time. Time: see
/// docs/benchmarks.md.
auto make_patch(ByteView old_file, ByteView new_file, PatchOptions const& options) -> Result<Bytes>;
auto make_patch(ByteView old_file, ByteView new_file, proto::PatchFormat format,
                std::span<TensorPair const> tensors = {}) -> Result<Bytes>;

}  // namespace godwit::delta
