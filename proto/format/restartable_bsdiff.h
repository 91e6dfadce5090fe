// Applying BSDIFF40 so that it can stop at any moment and go on: the new file in blocks, each
// counted in a journal with its check when it is durable. The patch has no places to begin at, so
// what comes before is decoded again, but neither read from the old file nor written.
#pragma once

#include "proto/format/bsdiff.h"
#include "proto/format/restartable.h"

namespace godwit::proto {

class RestartableBsdiff final : public BlockwiseApply {
 public:
  struct Expected {
    std::optional<Sha256> new_sha256;       // of the new file: the patch does not name it
    uint32_t block_bytes = kBlockBytesMax;  // the same at every start
  };
  /// A patch names no old file: the caller knows that it is the right one, and `patch_sha256` names
  /// the pair. Memory: that of BsdiffStream, and a block.
  static auto begin(ApplySources const& sources, Expected const& expected,
                    PatchLimits const& limits, BlockStore& store) -> Result<RestartableBsdiff>;

  auto new_bytes() const -> uint64_t override { return stream_->new_bytes(); }
  auto bytes() const -> uint64_t override;
  auto resumed() const -> Resumed const& override { return resumed_; }
  auto step() -> Result<> override;
  auto finish() -> Result<> override;

  ~RestartableBsdiff() override { cleanse(made_); }
  RestartableBsdiff(RestartableBsdiff&&) = default;
  auto operator=(RestartableBsdiff&&) -> RestartableBsdiff& = delete;

 private:
  RestartableBsdiff(Expected const& expected, BlockStore& store,
                    std::unique_ptr<BsdiffStream> stream)
      : expected_(expected), store_(&store), stream_(std::move(stream)) {}
  auto block_size(uint64_t offset) const -> size_t;
  auto find_out_where() -> Result<uint32_t>;
  auto make_block() -> Result<>;

  Expected expected_;
  BlockStore* store_;
  std::unique_ptr<BsdiffStream> stream_;
  ApplyJournal journal_;
  Resumed resumed_;
  std::optional<Error> failed_;  // streams do not go back: an error stays
  Bytes made_;
};

}  // namespace godwit::proto
