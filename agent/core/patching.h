// Applies the deltas of a download, one block a step, from the base in its slot into files of the
// folder: durable block by block, so that a power cut costs one block. What comes out is trusted
// only once its hash is the signed one. Memory: what the patch's profile promises, one block and
// its payload, the index; for BSDIFF40 a block and three bzip2 decoders.
#pragma once

#include <memory>

#include "agent/core/artifact.h"
#include "proto/format/patch.h"
#include "proto/format/restartable.h"

namespace godwit::agent {

/// Where the last delta's result lies once it is whole.
constexpr std::string_view kPatchedFile = "patched";

class Patching {
 public:
  struct Limits {
    uint64_t new_bytes_max;
    uint32_t bsdiff_block_bytes;  // of what BSDIFF40 makes
  };
  /// `wanted` is a delta whose download is whole, and whose first base lies in that slot.
  Patching(Ports const& ports, ModelName component, Artifact wanted, Slot base, Limits limits);
  ~Patching();

  /// Makes a block, or ends a delta; true once kPatchedFile holds what the last one makes, with the
  /// hash that its offer names. Errors: `internal` is the storage's and may pass; `denied`: a seal
  /// does not hold; anything else: the delta does not apply, or makes something else.
  auto step() -> Result<bool>;
  auto percent() const -> uint32_t;

  /// Removes everything that applying leaves behind.
  static auto discard(Ports const& ports) -> Result<>;
  /// Every file that deltas may have made.
  static auto result_files() -> std::vector<std::string>;

 private:
  struct Stage;  // one delta under way
  auto first_part() const -> size_t;
  auto limit_of(size_t part) const -> proto::PatchLimits;
  auto open_stage(size_t part) -> Result<>;
  auto begin_container() -> Result<>;
  auto begin_bsdiff() -> Result<>;
  auto begin(std::unique_ptr<proto::BlockwiseApply> apply) -> Result<>;
  auto work() -> Result<bool>;
  auto end_stage() -> Result<bool>;
  auto begin_anew() -> Result<bool>;

  Ports ports_;
  ModelName component_;
  Artifact wanted_;
  Slot base_;
  Limits limits_;
  std::unique_ptr<Stage> stage_;
};

}  // namespace godwit::agent
