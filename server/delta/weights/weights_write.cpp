#include "server/delta/weights/weights_write.h"

#include <algorithm>

#include "proto/format/weights/description.h"
#include "proto/format/weights/sections.h"
#include "proto/trust/digest.h"
#include "server/delta/weights/products.h"
#include "server/delta/weights/tabled_encoder.h"
#include "server/delta/weights/tensor_plan.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;

/// Equal bytes from here on are worth a segment of their own; in small files, where the time does
/// not matter, only from there on.
constexpr uint64_t kCopyBytesMin = 1024;
constexpr uint64_t kCopyBytesMinSmall = 16u << 10;
constexpr uint64_t kSmallFileBytes = 1u << 20;

/// A segment and what coding it needs, before it is coded.
struct Planned {
  weights::Segment segment;
  uint64_t new_offset = 0;
  TensorPlan const* plan = nullptr;
  uint32_t first_row = 0;
  std::vector<weights::Step> steps{};
};

/// Fills blocks one after the other.
class BlockPlanner {
 public:
  BlockPlanner(ByteView old_file, ByteView new_file, bool tabled, Pages& pages)
      : old_(old_file), new_(new_file), tabled_(tabled), pages_(pages) {}

  void add_match(Match match) {
    while (match.add + match.literal > 0) {
      Match piece = match;
      piece.add = std::min<uint64_t>(match.add, room());
      piece.literal =
          piece.add < match.add ? 0 : std::min<uint64_t>(match.literal, room() - piece.add);
      add_piece(piece);
      match.old_offset += piece.add;
      match.add -= piece.add;
      match.literal -= piece.literal;
    }
  }

  void add_tensor(TensorPlan const& plan) {
    uint64_t const row_bytes = plan.segment.row_bytes();
    if (plan.copy || (plan.bytes && plan.pair.from)) {
      add_match({.old_offset = plan.pair.from->offset, .add = plan.segment.bytes, .literal = 0});
    } else if (plan.bytes) {
      add_match({.old_offset = 0, .add = 0, .literal = plan.segment.bytes});
    } else if (row_bytes > proto::kBlockBytesMax / 4 && !plan.segment.ranked) {
      for (uint32_t row = 0; row < plan.segment.rows; ++row) add_row_in_pieces(plan, row);
    } else {
      for (uint32_t row = 0; row < plan.segment.rows;) {
        if (room() < row_bytes) close();
        auto const rows =
            static_cast<uint32_t>(std::min<uint64_t>(plan.segment.rows - row, room() / row_bytes));
        add_rows(plan, row, rows);
        row += rows;
      }
    }
  }

  auto finish() -> std::vector<std::vector<Planned>> {
    close();
    return std::move(blocks_);
  }

 private:
  auto room() -> uint32_t {
    if (used_ == proto::kBlockBytesMax) close();
    return proto::kBlockBytesMax - used_;
  }
  auto copy_bytes_min() const -> uint64_t {
    return new_.size() <= kSmallFileBytes ? kCopyBytesMinSmall : kCopyBytesMin;
  }
  void close() {
    if (!block_.empty()) blocks_.push_back(std::move(block_));
    block_.clear();
    used_ = 0;
  }
  auto append(Planned planned) -> Planned& {
    planned.new_offset = at_;
    at_ += planned.segment.bytes;
    used_ += planned.segment.bytes;
    block_.push_back(std::move(planned));
    return block_.back();
  }

  void add_piece(Match const& piece) {
    auto const bytes = static_cast<uint32_t>(piece.add + piece.literal);
    bool const same = piece.literal == 0 &&
                      pages_.same(old_.subspan(static_cast<size_t>(piece.old_offset), piece.add),
                                  new_.subspan(static_cast<size_t>(at_), piece.add));
    bool const copies = !block_.empty() && block_.back().segment.kind == weights::SegmentKind::copy;
    if (same && copies && weights::old_end(block_.back().segment) == piece.old_offset) {
      block_.back().segment.bytes += bytes;
      at_ += bytes;
      used_ += bytes;
      return;
    }
    if (same && (piece.add >= copy_bytes_min() || piece.add == proto::kBlockBytesMax - used_)) {
      append({.segment = {.kind = weights::SegmentKind::copy,
                          .bytes = bytes,
                          .old_offset = piece.old_offset}});
      return;
    }
    if (block_.empty() || block_.back().segment.kind != weights::SegmentKind::bytes) {
      append({.segment = {.kind = weights::SegmentKind::bytes,
                          .bytes = 0,
                          .old_offset = piece.old_offset,
                          .tabled = tabled_}});
      old_at_ = piece.old_offset;
    }
    Planned& into = block_.back();
    add_step(into.steps, piece);
    into.segment.bytes += bytes;
    at_ += bytes;
    used_ += bytes;
    old_at_ = piece.old_offset + piece.add;
  }

  /// What goes on where the last step stopped is part of it.
  void add_step(std::vector<weights::Step>& steps, Match const& piece) {
    auto const add = static_cast<uint32_t>(piece.add);
    auto const literal = static_cast<uint32_t>(piece.literal);
    if (!steps.empty()) {
      weights::Step& last = steps.back();
      if (add > 0 && last.literal == 0 && old_at_ == piece.old_offset) {
        last.add += add;
        last.literal = literal;
        return;
      }
      last.seek = static_cast<int64_t>(piece.old_offset - old_at_);
    }
    steps.push_back({.add = add, .literal = literal});
  }

  void add_rows(TensorPlan const& plan, uint32_t row, uint32_t rows) {
    weights::Segment segment = plan.segment;
    segment.rows = rows;
    segment.bytes = rows * plan.segment.row_bytes();
    segment.old_offset += uint64_t{row} * plan.segment.row_bytes();
    segment.first_wave += row;
    append({.segment = segment, .plan = &plan, .first_row = row});
  }

  /// A row that is larger than blocks should be: pieces of it are tensors of one row.
  void add_row_in_pieces(TensorPlan const& plan, uint32_t row) {
    uint32_t const bits = weights::element_bits(plan.segment.element);
    uint64_t const row_at = uint64_t{row} * plan.segment.row_bytes();
    for (uint32_t at = 0; at < plan.segment.row_bytes();) {
      if (room() < 4) close();
      weights::Segment segment = plan.segment;
      segment.rows = 1;
      segment.bytes = std::min(plan.segment.row_bytes() - at, room() & ~3u);
      segment.cols = segment.bytes * 8 / bits;
      segment.old_offset += row_at + at;
      append({.segment = segment, .plan = &plan, .first_row = row});
      at += segment.bytes;
    }
  }

  ByteView old_;
  ByteView new_;
  std::vector<std::vector<Planned>> blocks_;
  std::vector<Planned> block_;
  uint64_t at_ = 0;      // in the new file
  uint64_t old_at_ = 0;  // where the last step stopped
  uint32_t used_ = 0;    // of the current block
  bool const tabled_;    // how bytes are coded
  Pages& pages_;
};

template <bool kLarge>
class BlockCoder {
 public:
  BlockCoder(ByteView old_file, ByteView new_file)
      : old_(old_file),
        new_(new_file),
        memory_(std::make_unique_for_overwrite<CodingMemory<kLarge>>()) {}

  auto code(std::vector<Planned> const& planned) -> Bytes {
    BinaryEncoder descriptions;
    Writer coded_bytes;
    memory_->learnt.begin_block(true, proto::kContainerVersion);
    description_.reset();
    uint64_t expected = start_of(planned);
    for (Planned const& each : planned) {
      weights::Segment segment = each.segment;
      if (!reads_old(segment)) segment.old_offset = expected;
      Bytes coded;
      if (segment.kind != weights::SegmentKind::copy)
        coded = segment.tabled ? code_by<TabledRecorder>(memory_->tabled, segment, each)
                               : code_by<BinaryEncoder>(memory_->learnt, segment, each);
      Bytes const codebook = codebook_of(each);
      segment.coded_bytes = static_cast<uint32_t>(codebook.size() + coded.size());
      description_.code(descriptions, expected, segment);
      coded_bytes.bytes(codebook);
      coded_bytes.bytes(coded);
      expected = weights::old_end(segment);
    }
    Bytes const described = descriptions.finish();
    Writer writer;
    for (size_t i = 0; i < weights::kDescriptionsHeadBytes; ++i)
      writer.u8(static_cast<uint8_t>(described.size() >> (8 * i)));
    writer.bytes(described);
    writer.bytes(coded_bytes.view());
    return std::move(writer).take();
  }

  static auto start_of(std::vector<Planned> const& planned) -> uint64_t {
    for (Planned const& each : planned)
      if (reads_old(each.segment)) return each.segment.old_offset;
    return 0;
  }

 private:
  template <typename Coder, typename Models>
  auto code_by(Models& models, weights::Segment const& segment, Planned const& planned) -> Bytes {
    Coder coder;
    code_segment(coder, *memory_, models, segment, old_,
                 new_.subspan(static_cast<size_t>(planned.new_offset)), side_of(planned));
    if constexpr (std::is_same_v<Coder, TabledRecorder>)
      return coder.finish(segment.is_fine());
    else
      return coder.finish();
  }
  static auto reads_old(weights::Segment const& segment) -> bool {
    return segment.kind != weights::SegmentKind::tensor || segment.from_old;
  }
  static auto codebook_of(Planned const& each) -> Bytes {
    Bytes values;
    if (each.segment.waves) {
      for (uint32_t const value : each.plan->waves) {
        values.resize(values.size() + 4);
        weights::store(value, std::span(values).last(4));
      }
    }
    if (each.segment.codebook == 0) return values;
    auto const form = weights::form_of(each.segment.element);
    for (uint32_t const place : each.plan->codebook) {
      values.resize(values.size() + form.bits / 8);
      weights::store(weights::out_of_order(form, place), std::span(values).last(form.bits / 8));
    }
    return values;
  }
  static auto side_of(Planned const& each) -> SegmentSide {
    SegmentSide side{.first_row = each.first_row, .steps = each.steps};
    if (!each.plan) return side;
    side.move = &each.plan->move;
    side.codebook = each.plan->codebook;
    if (each.segment.halves) side.factors = std::span(each.plan->factors).subspan(each.first_row);
    side.waves = each.plan->waves;
    if (each.segment.scaled) side.ratios = std::span(each.plan->ratios).subspan(each.first_row);
    return side;
  }

  ByteView old_;
  ByteView new_;
  std::unique_ptr<CodingMemory<kLarge>> memory_;
  weights::DescriptionModel description_;
};

/// A section with the columns' factor of a move.
void write_factors(Writer& sections, RankedMove const& move, uint32_t cols) {
  Writer body;
  body.u32(cols);
  body.u8(static_cast<uint8_t>(move.rank));
  body.u8(static_cast<uint8_t>(move.fraction_bits));
  for (uint32_t const multiplier : move.multipliers) body.u32(multiplier);
  BinaryEncoder encoder;
  weights::EntryModel model;
  auto columns = move.columns;
  weights::code_columns(encoder, model, std::span(columns), move.rank);
  body.bytes(encoder.finish());
  sections.u16(weights::kFactorsSection);
  sections.u16(weights::kSectionCritical);
  sections.u32(static_cast<uint32_t>(body.size()));
  sections.bytes(body.view());
}

auto plan_tensors(ByteView old_file, ByteView new_file, std::span<TensorPair const> pairs,
                  proto::Profile profile, Writer& sections, Pages& pages)
    -> std::vector<TensorPlan> {
  TensorPlanner planner(old_file, new_file, profile, pages);
  std::vector<TensorPlan> plans;
  plans.reserve(pairs.size());
  uint32_t factors = 0;
  for (TensorPair const& pair : pairs) {
    plans.push_back(planner.plan(pair));
    pages.reached(Pages::kPlanning, pair.to.offset + size_bytes(pair.to), new_file.size());
    if (!plans.back().segment.ranked) continue;
    plans.back().segment.factor = factors++;
    write_factors(sections, plans.back().move, pair.to.cols);
  }
  return plans;
}

/// Lists that follow from others need no plan of their own.
void find_products(ByteView new_file, uint32_t room, std::vector<std::vector<Planned>>& blocks) {
  ProductFinder finder(new_file, room);
  for (auto& block : blocks) {
    finder.begin_block();
    for (Planned& each : block)
      if (finder.take(each.segment, each.new_offset)) each.plan = nullptr;
  }
}

auto plan_blocks(ByteView old_file, ByteView new_file, std::vector<TensorPlan> const& plans,
                 std::span<Match const> gaps, bool tabled, Pages& pages)
    -> std::vector<std::vector<Planned>> {
  BlockPlanner planner(old_file, new_file, tabled, pages);
  uint64_t at = 0;
  auto const add_gap = [&](uint64_t end) {
    for (; at < end; gaps = gaps.subspan(1)) {
      planner.add_match(gaps.front());
      at += gaps.front().add + gaps.front().literal;
    }
  };
  for (TensorPlan const& plan : plans) {
    add_gap(plan.pair.to.offset);
    planner.add_tensor(plan);
    at += plan.segment.bytes;
  }
  add_gap(new_file.size());
  return planner.finish();
}

template <bool kLarge>
auto write(ByteView old_file, ByteView new_file, std::vector<std::vector<Planned>> const& planned,
           proto::Profile profile, ByteView sections, Pages& pages) -> Bytes {
  BlockCoder<kLarge> coder(old_file, new_file);
  Bytes patch;  // at first the payloads, one after the other
  patch.reserve(new_file.size());
  std::vector<size_t> sizes;
  proto::Container container{.profile = profile,
                             .old_bytes = old_file.size(),
                             .new_bytes = new_file.size(),
                             .old_sha256 = pages.sha256(old_file),
                             .new_sha256 = pages.sha256(new_file),
                             .sections = sections,
                             .blocks = {}};
  for (auto const& block : planned) {
    uint64_t const at = block.front().new_offset;
    uint32_t bytes = 0;
    for (Planned const& each : block) bytes += each.segment.bytes;
    bool const copy = block.size() == 1 && block.front().segment.kind == weights::SegmentKind::copy;
    Bytes const payload = copy ? Bytes() : coder.code(block);
    patch.insert(patch.end(), payload.begin(), payload.end());
    sizes.push_back(payload.size());
    auto const operation = copy ? proto::BlockOperation::copy : proto::BlockOperation::described;
    container.blocks.push_back(
        {.new_offset = at,
         .new_bytes = bytes,
         .operation = operation,
         .old_offset = BlockCoder<kLarge>::start_of(block),
         .payload = {},
         .check = proto::check_of(operation, new_file.subspan(static_cast<size_t>(at), bytes))});
    pages.read(uint64_t{2} * bytes);
    pages.reached(Pages::kCoding, at + bytes, new_file.size());
  }
  size_t at = 0;
  for (size_t i = 0; i < sizes.size(); at += sizes[i++])
    container.blocks[i].payload = ByteView(patch).subspan(at, sizes[i]);
  auto const beginning = write_beginning(container);
  patch.insert(patch.begin(), beginning.begin(), beginning.end());
  return patch;
}

}  // namespace

auto make_weights_container(ByteView old_file, ByteView new_file, std::span<TensorPair const> pairs,
                            std::span<Match const> gaps, proto::Profile profile, Pages& pages)
    -> Bytes {
  Writer sections;
  auto const plans = plan_tensors(old_file, new_file, pairs, profile, sections, pages);
  pages.done();
  auto blocks =
      plan_blocks(old_file, new_file, plans, gaps, profile == proto::Profile::weights_fast, pages);
  bool const large = profile == proto::Profile::weights_large;
  find_products(new_file,
                large ? decltype(weights::Models<true>::kept)::kRoom
                      : decltype(weights::Models<false>::kept)::kRoom,
                blocks);
  return large ? write<true>(old_file, new_file, blocks, profile, sections.view(), pages)
               : write<false>(old_file, new_file, blocks, profile, sections.view(), pages);
}

}  // namespace godwit::delta
