// The weights of a matrix product as the x86 kernels read them, and what they need to requantise
// its sums. Packed when a model is loaded; docs/engine.md, "x86".
#pragma once

#include "agent/engine/kernel.h"

namespace godwit::engine::x86 {

constexpr int32_t kLanes = 16;    // output channels side by side: a block
constexpr int32_t kDepth = 4;     // values that one instruction multiplies and adds: a step
constexpr int32_t kOffset = 128;  // of activations that are multiplied as uint8

/// What an instruction set multiplies, and in what order.
struct Layout {
  bool words;       // int16 by int16 in pairs; otherwise uint8 by int8 in fours
  bool half_lanes;  // vectors hold half a block: channels 0-3 and 8-11, then 4-7 and 12-15, which
                    // is how packing to bytes takes them
  int32_t tile_width;  // blocks that are multiplied together with rows
  int32_t row_width;   // and with one row only
  bool halves;         // there is a product of its own for a last block of half the channels
  bool slides;         // there is a product of its own for windows of three columns

  auto offset() const -> int32_t { return words ? 0 : kOffset; }
  /// The channel of a block that a lane holds.
  auto channel(int32_t lane) const -> int32_t {
    return half_lanes && lane >= 4 && lane < 12 ? lane ^ 12 : lane;
  }
  /// Where value `i` of a step is for a lane.
  auto place(int32_t lane, int32_t i) const -> int32_t {
    return words ? i / 2 * 2 * kLanes + lane * 2 + i % 2 : lane * kDepth + i;
  }
  auto taps() const -> int32_t { return words ? 2 : kDepth; }    // that one instruction multiplies
  auto value_bytes() const -> int32_t { return words ? 2 : 1; }  // of an activation
};
constexpr Layout kAvx512Layout = {false, false, 4, 8, true, true};
constexpr Layout kAvxVnniLayout = {false, true, 1, 1, false, false};
constexpr Layout kAvx2Layout = {true, true, 1, 1, false, false};

/// How sums become outputs, in 64 bits. The two roundings of the reference are one:
///   ((sum << left) * multiplier + round - (negative ? tie : 0)) >> shift
/// for floor(floor(a / 2^31 + 1/2) / 2^r + 1/2) needs one floor only, and what a half away from
/// zero asks of negative values is `tie`. Where nothing is shifted to the right (r = 0) there is
/// one rounding only, as in models that round once: then left = 1 + what the factor shifts to the
/// left, round = 2^(31 + r), tie = 0, shift = 32 + r.
/// Otherwise left = 0, round = 2^30 + 2^(30 + r), tie = 2^31, shift = 31 + r.
struct alignas(kMemoryAlignment) Whole {
  int32_t multiplier[kLanes];
  int32_t shift[kLanes];
  int32_t left[kLanes];
};

/// In float32 (lines.h): factor * sum + base, after which the lower 16 bits are the output. Biases
/// have the offset in them; sums below `turn` are negative, and get `step` and another base. A
/// block of one line has it twice.
struct alignas(kMemoryAlignment) Straight {
  float factor[kLanes];
  float base[kLanes];
  float negative_base[kLanes];
  int32_t turn[kLanes];
  int32_t step[kLanes];
};

/// How the lanes of a block are scaled: by `whole`, by one line, or by two.
enum class Scaling : uint8_t { whole, line, lines };

struct alignas(kMemoryAlignment) Block {
  int32_t bias[kLanes];  // with what the zero point and the offset of activations add
  union {
    Whole whole;
    Straight straight;
  };
  Scaling scaling;
};

/// How outputs of a layer are made, beside what each channel has.
struct Finish {
  int32_t zero_point;
  proto::Clamp clamp;
};

/// Whether values of at most this magnitude can be scaled by a block.
auto fits_factor(proto::Multiplier multiplier, int64_t largest, proto::Rounding rounding) -> bool;
/// Whether every sum of `depth` products can be requantised by blocks. Holds for all models but
/// those of factors far above 1.
auto fits_blocks(Step const& step, int64_t depth) -> bool;

/// Of the weights of a lane.
struct WeightSum {
  uint32_t sum = 0;
  uint64_t magnitudes = 0;

  void add(int8_t weight) {
    sum += static_cast<uint32_t>(weight);
    magnitudes += static_cast<uint32_t>(weight < 0 ? -weight : weight);
  }
};

/// A block is scaled by `whole` at first.
void set_lane(Block& block, int32_t lane, Channel const& channel, proto::Rounding rounding);
void copy_lane(Block& block, int32_t from, int32_t to);
/// All lanes of block `index` of a step's channels. By the sums of each lane's weights biases make
/// up for the zero point and for what was added to activations.
void set_lanes(Step const& step, Layout const& layout, int32_t index, WeightSum const* weights,
               Block& block);
/// Scales a block by lines, if there are some for all lanes; says how far each lane's sums may be
/// from 0.
using Reaches = int64_t[kLanes];
void straighten(Block& block, Reaches const& reaches, Finish const& finish);
/// Weights less their zero point have nine bits. Where there is one they are the sum of two parts,
/// each of which is multiplied by the same activations.
auto weight_parts(Step const& step) -> int32_t;
auto weight_part(int32_t weight, int32_t zero_point, int32_t parts, int32_t part) -> int8_t;
/// Not with the one zero point of which a part can be too large for a byte.
auto fits_weights(Step const& step) -> bool;
auto reach_of(Step const& step, size_t channel, WeightSum const& weights) -> int64_t;
auto finish_of(Step const& step, proto::Clamp clamp) -> Finish;

/// Where the activations of a row lie: `count` runs of `run_bytes`, each at its own distance from
/// the row's beginning; and where the matching weights are.
struct Runs {
  int32_t count;
  int32_t run_bytes;
  ptrdiff_t channel_stride;  // between the weights of neighbouring channels
  ptrdiff_t depth_stride;    // between those of neighbouring values

  bool even = false;  // steps go by twos: a run may be filled up by one more
  int32_t parts = 1;  // all runs once for each part of the weights, one after another

  auto steps_per_run() const -> int32_t {
    int32_t const steps = (run_bytes + kDepth - 1) / kDepth;
    return even ? (steps + 1) / 2 * 2 : steps;
  }
  auto steps() const -> int32_t { return count * steps_per_run(); }
};

/// The head of a packed matrix. Groups of up to `width` blocks are multiplied together: their
/// weights lie step by step, in each step block by block, in a block channel by channel.
struct alignas(kMemoryAlignment) Matrix {
  int32_t channels;
  int32_t blocks;
  int32_t width;
  int32_t steps;
  int32_t slide;  // bytes from one pixel to the next where windows of three columns slide by one;
                  // otherwise 0
  bool half;      // the last block has half its channels: of bytes it takes two steps at once, of
                  // words one vector
  Finish finish;
  uint32_t offsets_at;  // from the head: int32_t[steps], where each step's activations are in a row
  uint32_t blocks_at;   // Block[blocks]
  uint32_t weights_at;

  auto offsets() const { return at<int32_t>(offsets_at); }
  auto block(int32_t i) const { return at<Block>(blocks_at) + i; }
  auto weights(int32_t first_block) const {
    return at<int8_t>(weights_at) + ptrdiff_t{first_block} * steps * kLanes * kDepth;
  }

 private:
  template <typename T>
  auto at(uint32_t place) const -> T const* {
    return reinterpret_cast<T const*>(reinterpret_cast<uint8_t const*>(this) + place);
  }
};

constexpr int32_t kRowsMax = 8;   // multiplied together
constexpr int32_t kWidthMax = 8;  // blocks, likewise
constexpr int32_t kSumsMax = 96;  // vectors of sums that wait together to be requantised
constexpr uint64_t kSumsBytes = sizeof(int32_t) * kLanes * kSumsMax;

/// Whether a matrix ends better with half a block: `even` is then for its runs.
auto ends_half(Layout const& layout, int32_t channels, Runs const& runs) -> bool;
auto matrix_bytes(int32_t channels, Runs const& runs) -> uint64_t;
/// A matrix without weights, offsets, blocks, width and finish, which the caller fills in.
auto begin_matrix(int32_t channels, Runs const& runs, uint8_t* packed) -> Matrix&;
/// `run_offsets` says where each run begins in a row.
void pack_matrix(Step const& step, Layout const& layout, Finish const& finish, Runs const& runs,
                 int32_t const* run_offsets, int32_t rows, uint8_t* packed);

/// Rows times a matrix: `rows` point at activations, `offsets` count them; row i goes to
/// `output + i * stride`. `sums` is scratch memory of kSumsBytes.
using MultiplyRows = void (*)(Matrix const& matrix, void const* const* rows, int32_t count,
                              int8_t* output, ptrdiff_t stride, int32_t* sums);
void multiply_rows_avx512(Matrix const& matrix, void const* const* rows, int32_t count,
                          int8_t* output, ptrdiff_t stride, int32_t* sums);
/// The sums alone, of one group of blocks: block by block, `count` rows of each; count is at most
/// kSumsMax / width.
using SumGroup = void (*)(Matrix const& matrix, int32_t first_block, int32_t width,
                          void const* const* rows, int32_t count, int32_t* sums);
void sum_group_avx512(Matrix const& matrix, int32_t first_block, int32_t width,
                      void const* const* rows, int32_t count, int32_t* sums);
void sum_group_avxvnni(Matrix const& matrix, int32_t first_block, int32_t width,
                       void const* const* rows, int32_t count, int32_t* sums);
void sum_group_avx2(Matrix const& matrix, int32_t first_block, int32_t width,
                    void const* const* rows, int32_t count, int32_t* sums);
void multiply_rows_avxvnni(Matrix const& matrix, void const* const* rows, int32_t count,
                           int8_t* output, ptrdiff_t stride, int32_t* sums);
void multiply_rows_avx2(Matrix const& matrix, void const* const* rows, int32_t count,
                        int8_t* output, ptrdiff_t stride, int32_t* sums);

/// Sums of one block as outputs: kLanes of each row, in the order of halves, of which `lanes`
/// count.
void finish_block_avx2(Block const& block, Finish const& finish, int32_t const* sums, int32_t rows,
                       int32_t lanes, int8_t* output, ptrdiff_t stride);

}  // namespace godwit::engine::x86
