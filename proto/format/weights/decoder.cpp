#include "proto/format/weights/decoder.h"

#include <new>

#include "proto/format/weights/binary_decoder.h"
#include "proto/format/weights/sections.h"
#include "proto/format/weights/segment_pass.h"
#include "proto/format/weights/segment_reader.h"
#include "proto/format/weights/tabled_models.h"

namespace godwit::proto::weights {
namespace {

class DecodingIo final : public SegmentIo {
 public:
  DecodingIo(ByteSource& old_file, ByteSink& sink) : old_(old_file), sink_(sink) {}
  auto read_old(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    return old_.read(offset, out);
  }
  void fill(std::span<uint8_t> made) override { std::fill(made.begin(), made.end(), uint8_t{0}); }
  auto take(ByteView made) -> Result<> override { return sink_.write(made); }
  auto ratio(uint32_t) -> int32_t override { return 0; }
  auto factors(uint32_t) -> HalvesFactors override { return {}; }
  auto entry(uint32_t, uint32_t) -> int64_t override { return 0; }
  auto step(uint32_t) -> Step override { return {}; }

 private:
  ByteSource& old_;
  ByteSink& sink_;
};

/// What a decoder of each size keeps in its memory.
template <Size kSize>
struct Memory;
template <>
struct Memory<Size::small> {
  DescriptionModel description;
  Models<false> learnt;
  Arena<kSmallArenaBytes> arena;
};
template <>
struct Memory<Size::fast> {
  DescriptionModel description;
  TabledModels tabled;
  SymbolTables tables;
  Arena<kSmallArenaBytes> arena;
};
template <>
struct Memory<Size::large> {
  DescriptionModel description;
  Models<true> learnt;
  TabledModels tabled;
  SymbolTables tables;
  Arena<kLargeArenaBytes> arena;
};

template <Size kSize>
class SizedDecoder final : public Decoder {
 public:
  auto decode(BlockTask const& task, ByteSource& old_file, ByteSource& patch, ByteSink& sink)
      -> Result<> override {
    if constexpr (kLearns) memory_.learnt.begin_block(task.described, task.version);
    DecodingIo io(old_file, sink);
    SegmentReader segments(task, patch, memory_.description);
    while (segments.more()) {
      TRY(Segment const segment, segments.next());
      TRY_VOID(decode_segment(segment, task, segments.payload(), patch, io));
    }
    return segments.finish();
  }

 private:
  static constexpr bool kLearns = kSize != Size::fast;
  static constexpr bool kTabled = kSize != Size::small;

  auto decode_segment(Segment const& segment, BlockTask const& task, BufferedReader& payload,
                      ByteSource& patch, DecodingIo& io) -> Result<> {
    if (segment.kind == SegmentKind::copy) return copy(segment, io);
    Factors factors;
    if (segment.kind == SegmentKind::tensor) {
      TRY(factors, factors_of(segment, task, patch));
    }
    Segment rest = segment;
    if (segment.codebook > 0) {
      TRY(factors.codebook, read_codebook(rest, payload));
    } else if (segment.waves) {
      TRY(factors.waves, read_waves(rest, payload));
    }
    return decode_coded(rest, task, factors, payload, io);
  }

  auto decode_coded(Segment const& segment, BlockTask const& task, Factors const& factors,
                    BufferedReader& payload, DecodingIo& io) -> Result<> {
    if constexpr (kTabled) {
      if (segment.tabled) return decode_tabled(segment, task, factors, payload, io);
    }
    if constexpr (kLearns) {
      if (!segment.tabled) {
        memory_.learnt.begin(segment);
        BinaryDecoder coder(payload, segment.coded_bytes);
        return pass(coder, memory_.learnt, segment, task, factors, io);
      }
    }
    return corrupt("a way of coding that the profile of the patch has not");
  }

  /// Reads the values before the coded bytes, of which it takes them.
  auto read_codebook(Segment& segment, BufferedReader& payload)
      -> Result<std::span<uint32_t const>> {
    FloatForm const form = form_of(segment.element);
    auto const values = memory_.arena.template take<uint32_t>(segment.codebook);
    uint32_t const bytes = segment.codebook * form.bits / 8;
    if (values.empty() || bytes > segment.coded_bytes) return corrupt("a codebook of a wrong size");
    memory_.arena.keep();
    segment.coded_bytes -= bytes;
    for (size_t i = 0; i < values.size(); ++i) {
      uint32_t value = 0;
      for (uint32_t shift = 0; shift < form.bits; shift += 8)
        value |= uint32_t{payload.next()} << shift;
      values[i] = in_order(form, value);
      if (i > 0 && values[i] <= values[i - 1]) return corrupt("a codebook that is not in order");
    }
    return std::span<uint32_t const>(values);
  }

  auto read_waves(Segment& segment, BufferedReader& payload) -> Result<std::span<uint32_t const>> {
    auto const values = memory_.arena.template take<uint32_t>(wave_values(segment.cols));
    uint32_t const bytes = 4 * wave_values(segment.cols);
    if (values.empty() || bytes > segment.coded_bytes) return corrupt("waves of a wrong size");
    memory_.arena.keep();
    segment.coded_bytes -= bytes;
    for (uint32_t& value : values)
      for (uint32_t shift = 0; shift < 32; shift += 8) value |= uint32_t{payload.next()} << shift;
    return std::span<uint32_t const>(values);
  }

  /// Not inlined: what is read lies on the stack, which the segment needs afterwards.
  [[gnu::noinline]] auto build_tables(BufferedReader& payload, uint32_t table_bytes, bool fine)
      -> Result<> {
    memory_.arena.rewind();  // what the columns of the segment before took
    auto const models = memory_.arena.template take<ShareModel>(kShareModels);
    if (models.empty()) return corrupt("factors too large for the profile of the patch");
    TabledShares shares;
    BinaryDecoder tables(payload, table_bytes);
    if (!code_shares(tables, models, fine, shares) || !tables.at_end())
      return corrupt("damaged tables");
    memory_.tables.build(shares);
    memory_.arena.rewind();
    return {};
  }

  auto decode_tabled(Segment const& segment, BlockTask const& task, Factors const& factors,
                     BufferedReader& payload, DecodingIo& io) -> Result<> {
    uint32_t const low = payload.next();
    uint32_t const table_bytes = low | uint32_t{payload.next()} << 8;
    if (segment.coded_bytes < 2 || table_bytes > segment.coded_bytes - 2)
      return corrupt("tables longer than their segment");
    TRY_VOID(build_tables(payload, table_bytes, segment.is_fine()));
    TabledDecoder coder(payload, segment.coded_bytes - 2 - table_bytes, memory_.tables);
    return pass(coder, memory_.tabled, segment, task, factors, io);
  }

  template <typename Coder, typename Models>
  auto pass(Coder& coder, Models& models, Segment const& segment, BlockTask const& task,
            Factors const& factors, DecodingIo& io) -> Result<> {
    SegmentPass pass(coder, models, memory_.arena, segment, io);
    TRY_VOID(segment.kind == SegmentKind::tensor ? pass.tensor(factors)
                                                 : pass.bytes(task.old_bytes));
    if (!coder.at_end()) return corrupt("coded bytes that nothing uses");
    return {};
  }

  auto copy(Segment const& segment, DecodingIo& io) -> Result<> {
    std::array<uint8_t, 512> buffer;
    for (uint32_t at = 0; at < segment.bytes; at += buffer.size()) {
      auto const piece =
          std::span(buffer).first(std::min<size_t>(segment.bytes - at, buffer.size()));
      TRY_VOID(io.read_old(segment.old_offset + at, piece));
      TRY_VOID(io.take(piece));
    }
    return {};
  }

  /// Decodes the factors into the arena, unless the segment before used the same ones.
  auto factors_of(Segment const& segment, BlockTask const& task, ByteSource& patch)
      -> Result<Factors> {
    if (!segment.ranked) {
      has_factors_ = false;
      memory_.arena.clear();
      return Factors{};
    }
    if (has_factors_ && factor_ == segment.factor && sections_at_ == task.sections.offset) {
      memory_.arena.rewind();
    } else {
      has_factors_ = false;
      TRY_VOID(load_factors(segment.factor, task, patch));
      factor_ = segment.factor;
      sections_at_ = task.sections.offset;
      has_factors_ = true;
    }
    if (factors_.columns.size() != size_t{segment.cols} * factors_.multipliers.size())
      return corrupt("factors of another number of columns");
    if (is_narrow(segment.element) && factors_.fraction_bits > kFractionBitsMax)
      return corrupt("factors of another type of element");
    return factors_;
  }

  auto load_factors(uint32_t index, BlockTask const& task, ByteSource& patch) -> Result<> {
    memory_.arena.clear();
    TRY(Range body, find_factors(patch, task.sections, index));
    TRY(FactorHeader const header, read_factor_header(patch, body));
    auto const multipliers = memory_.arena.template take<uint32_t>(header.rank);
    auto const columns = memory_.arena.template take<int8_t>(size_t{header.cols} * header.rank);
    auto const model = memory_.arena.template take<EntryModel>(1);
    if (header.cols > kColumnsMax || multipliers.empty() || columns.empty() || model.empty())
      return corrupt("factors too large for the profile of the patch");
    for (uint32_t& multiplier : multipliers) {
      TRY(multiplier, read_u32(patch, body));
    }
    BufferedReader coded(patch, body.offset, body.bytes);
    BinaryDecoder coder(coded, body.bytes);
    code_columns(coder, model[0], columns, header.rank);
    if (!coder.at_end() || coded.failed()) return corrupt("damaged factors");
    memory_.arena.keep();
    factors_ = {
        .fraction_bits = header.fraction_bits, .multipliers = multipliers, .columns = columns};
    return {};
  }

  Memory<kSize> memory_;
  Factors factors_;
  bool has_factors_ = false;
  uint32_t factor_ = 0;
  uint64_t sections_at_ = 0;
};

}  // namespace

auto decoder_bytes(Size size) -> size_t {
  switch (size) {
    case Size::small:
      return sizeof(SizedDecoder<Size::small>);
    case Size::fast:
      return sizeof(SizedDecoder<Size::fast>);
    case Size::large:
      return sizeof(SizedDecoder<Size::large>);
  }
  return 0;
}

auto place_decoder(Size size, std::span<std::byte> memory) -> Decoder* {
  CHECK(memory.size() >= decoder_bytes(size));
  switch (size) {
    case Size::small:
      return new (memory.data()) SizedDecoder<Size::small>;
    case Size::fast:
      return new (memory.data()) SizedDecoder<Size::fast>;
    case Size::large:
      return new (memory.data()) SizedDecoder<Size::large>;
  }
  return nullptr;
}

}  // namespace godwit::proto::weights
