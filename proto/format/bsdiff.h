// BSDIFF40 patches, as Colin Percival's bsdiff 4 writes them: a 32-byte header and three bzip2
// streams (docs/format-delta.md). Reading only; writing is server/delta/bsdiff.
#pragma once

#include <functional>
#include <memory>

#include "proto/format/byte_source.h"
#include "proto/format/patch.h"

namespace godwit::proto {

constexpr std::string_view kBsdiffMagic = "BSDIFF40";
constexpr size_t kBsdiffHeaderBytes = 32;

/// The new file from front to back. Both files are read in small pieces; memory: what three bzip2
/// decoders take (0.5 MB each for patches written at level 1, 3.7 MB at 9). What comes before an
/// error may be wrong: who keeps it waits for `finish`.
class BsdiffStream {
 public:
  /// Both sources outlive it. `corrupt` when the header does not hold.
  static auto open(ByteSource& old_file, uint64_t old_bytes, ByteSource& patch,
                   uint64_t patch_bytes, PatchLimits const& limits)
      -> Result<std::unique_ptr<BsdiffStream>>;
  ~BsdiffStream();

  auto new_bytes() const -> uint64_t;
  /// Of the new file, that were read or passed over.
  auto offset() const -> uint64_t;
  /// The next bytes of the new file, in which they lie.
  auto read(std::span<uint8_t> out) -> Result<>;
  /// Passes over bytes that were made before: the streams are decoded, the old file is not read.
  auto skip(uint64_t count) -> Result<>;
  /// `corrupt` unless the new file and all streams end here.
  auto finish() -> Result<>;

 private:
  struct State;
  explicit BsdiffStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes>;
/// The same in pieces of at most 16 KiB, in order.
auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits,
                  std::function<Result<>(ByteView)> const& sink) -> Result<>;
auto inspect_bsdiff(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo>;

}  // namespace godwit::proto
