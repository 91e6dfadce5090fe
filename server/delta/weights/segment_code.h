// Codes segments of a weights block from the two files and a plan.
#pragma once

#include "proto/format/weights/models.h"
#include "proto/format/weights/segment_pass.h"
#include "proto/format/weights/tabled_models.h"
#include "server/delta/weights/binary_encoder.h"
#include "server/delta/weights/low_rank.h"

namespace godwit::delta {

/// What a segment needs beside its description; spans start at its first row.
struct SegmentSide {
  std::span<int32_t const> ratios{};
  std::span<proto::weights::HalvesFactors const> factors{};
  RankedMove const* move = nullptr;  // whose entries start at `first_row`
  uint32_t first_row = 0;
  std::span<proto::weights::Step const> steps{};
  std::span<uint32_t const> codebook{};  // in order
  std::span<uint32_t const> waves{};
};

class EncodingIo final : public proto::weights::SegmentIo {
 public:
  /// `made` starts at the first new byte of the segment.
  EncodingIo(ByteView old_file, ByteView made, SegmentSide const& side)
      : old_(old_file), made_(made), side_(side) {}
  auto read_old(uint64_t offset, std::span<uint8_t> out) -> Result<> override;
  void fill(std::span<uint8_t> made) override;
  auto take(ByteView made) -> Result<> override;
  auto ratio(uint32_t row) -> int32_t override { return side_.ratios[row]; }
  auto factors(uint32_t row) -> proto::weights::HalvesFactors override {
    return side_.factors[row];
  }
  auto entry(uint32_t row, uint32_t component) -> int64_t override;
  auto step(uint32_t index) -> proto::weights::Step override { return side_.steps[index]; }

 private:
  ByteView old_;
  ByteView made_;
  SegmentSide const& side_;
};

/// All that an encoder keeps from segment to segment.
template <bool kLarge>
struct CodingMemory {
  proto::weights::Models<kLarge> learnt;
  proto::weights::TabledModels tabled;
  proto::weights::Arena<kLarge ? proto::weights::kLargeArenaBytes
                               : proto::weights::kSmallArenaBytes>
      arena;
};

/// `models` are those of the memory that `coder` goes with.
template <bool kLarge, typename Coder, typename Models>
void code_segment(Coder& coder, CodingMemory<kLarge>& memory, Models& models,
                  proto::weights::Segment const& segment, ByteView old_file, ByteView made,
                  SegmentSide const& side) {
  EncodingIo io(old_file, made, side);
  proto::weights::SegmentPass pass(coder, models, memory.arena, segment, io);
  memory.arena.clear();
  if constexpr (requires { models.begin(segment); }) models.begin(segment);
  proto::weights::Factors factors;
  if (segment.ranked)
    factors = {.fraction_bits = side.move->fraction_bits,
               .multipliers = side.move->multipliers,
               .columns = side.move->columns};
  factors.codebook = side.codebook;
  factors.waves = side.waves;
  if (segment.kind == proto::weights::SegmentKind::tensor)
    CHECK(pass.tensor(factors));
  else if (segment.kind == proto::weights::SegmentKind::bytes)
    CHECK(pass.bytes(old_file.size()));
}

}  // namespace godwit::delta
