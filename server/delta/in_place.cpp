#include "server/delta/in_place.h"

#include <algorithm>

#include "proto/format/in_place.h"
#include "proto/trust/digest.h"
#include "server/delta/container_write.h"
#include "server/delta/weights/gap_match.h"
#include "server/delta/weights/weights_write.h"

namespace godwit::delta {
namespace {

/// Remembers which parts of the old file were read.
class RecordingSource final : public proto::ByteSource {
 public:
  explicit RecordingSource(ByteView bytes) : source_(bytes) {}
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    if (!out.empty()) ranges_.push_back({offset, offset + out.size()});
    return source_.read(offset, out);
  }
  struct Range {
    uint64_t begin;
    uint64_t end;
  };
  /// Since the last call, in order and joined.
  auto take() -> std::vector<Range> {
    std::ranges::sort(ranges_, {}, &Range::begin);
    std::vector<Range> joined;
    for (Range const& range : ranges_) {
      if (joined.empty() || range.begin > joined.back().end)
        joined.push_back(range);
      else
        joined.back().end = std::max(joined.back().end, range.end);
    }
    ranges_.clear();
    return joined;
  }

 private:
  proto::ViewSource source_;
  std::vector<Range> ranges_;
};

using Ranges = std::vector<RecordingSource::Range>;

/// What making each block reads of the old file.
auto reads_of(ByteView old_file, ByteView patch) -> Result<std::vector<Ranges>> {
  proto::ViewSource source(patch);
  TRY(auto reader, proto::ContainerReader::open(source, patch.size(), {}));
  RecordingSource recorded(old_file);
  std::vector<Ranges> reads;
  Bytes made;
  for (size_t i = 0; i < reader.container().blocks.size(); ++i) {
    made.resize(reader.container().blocks[i].new_bytes);
    TRY_VOID(reader.make(i, recorded, made));
    reads.push_back(recorded.take());
  }
  return reads;
}

auto reads_from(Ranges const& ranges, proto::Block const& written) -> bool {
  auto const end = written.new_offset + written.new_bytes;
  return std::ranges::any_of(ranges, [&](auto const& range) {
    return range.begin < end && written.new_offset < range.end;
  });
}

/// Who must come before whom: a block is overwritten only when nobody waits to read there.
class Order {
 public:
  Order(std::vector<proto::Block> const& blocks, std::vector<Ranges> const& reads)
      : sources_(blocks.size()), readers_left_(blocks.size()), taken_(blocks.size()) {
    for (uint32_t reader = 0; reader < blocks.size(); ++reader)
      for (uint32_t written = 0; written < blocks.size(); ++written)
        if (reader != written && reads_from(reads[reader], blocks[written])) {
          sources_[reader].push_back(written);
          ++readers_left_[written];
        }
  }

  /// Takes what may come next; what must be coded without the old file comes out in `alone`.
  auto find(std::vector<bool>& alone) -> std::vector<uint32_t> {
    std::vector<uint32_t> order;
    while (order.size() < sources_.size()) {
      auto const ready = next_ready();
      if (!ready) {
        auto const broken = most_waited_for();
        alone[broken] = true;
        forget_reads(broken);
        continue;
      }
      taken_[*ready] = true;
      order.push_back(*ready);
      forget_reads(*ready);
    }
    return order;
  }

 private:
  auto next_ready() const -> std::optional<uint32_t> {
    for (uint32_t i = 0; i < taken_.size(); ++i)
      if (!taken_[i] && readers_left_[i] == 0) return i;
    return std::nullopt;
  }
  /// Of those in the way of one another, the one whose reads hold up most others.
  auto most_waited_for() const -> uint32_t {
    uint32_t best = 0;
    size_t most = 0;
    for (uint32_t i = 0; i < taken_.size(); ++i)
      if (!taken_[i] && sources_[i].size() > most) {
        most = sources_[i].size();
        best = i;
      }
    CHECK(most > 0);
    return best;
  }
  void forget_reads(uint32_t reader) {
    for (uint32_t const written : sources_[reader]) --readers_left_[written];
    sources_[reader].clear();
  }

  std::vector<std::vector<uint32_t>>
      sources_;                         // of each block: others that overwrite what it reads
  std::vector<uint32_t> readers_left_;  // of each block: others that read where it writes
  std::vector<bool> taken_;
};

/// The only block of a patch from nothing to these bytes.
auto block_alone(ByteView bytes, proto::Profile profile) -> Bytes {
  if (profile == proto::Profile::bytes) {
    Match const literal{.old_offset = 0, .add = 0, .literal = bytes.size()};
    return make_container({}, bytes, {&literal, 1});
  }
  Pages pages({});
  return make_weights_container({}, bytes, {}, match_gaps({}, bytes, {}), profile, pages);
}

/// A file and its scratch area in memory.
class MemoryStore final : public proto::InPlaceStore {
 public:
  explicit MemoryStore(ByteView file) : file_(file.begin(), file.end()) {}
  auto file() const -> Bytes const& { return file_; }
  auto size() -> Result<uint64_t> override { return uint64_t{file_.size()}; }
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    return proto::ViewSource(file_).read(offset, out);
  }
  auto write(uint64_t offset, ByteView bytes) -> Result<> override {
    if (file_.size() < offset + bytes.size()) file_.resize(offset + bytes.size());
    std::ranges::copy(bytes, file_.begin() + static_cast<ptrdiff_t>(offset));
    return {};
  }
  auto resize(uint64_t bytes) -> Result<> override {
    file_.resize(bytes);
    return {};
  }
  auto write_scratch(ByteView) -> Result<> override { return {}; }
  auto read_scratch(std::span<uint8_t>) -> Result<> override { return not_found("not kept"); }
  auto write_journal(ByteView) -> Result<> override { return {}; }
  auto read_journal() -> Result<Bytes> override { return Bytes(); }

 private:
  Bytes file_;
};

auto prove(ByteView old_file, ByteView new_file, ByteView patch) -> Result<> {
  MemoryStore store(old_file);
  proto::ViewSource source(patch);
  TRY_VOID(proto::apply_in_place(
      {.patch = source, .patch_bytes = patch.size(), .patch_sha256 = proto::sha256(patch)}, {},
      store, [](size_t) {}));
  if (!std::ranges::equal(store.file(), new_file))
    return internal("the patch does not make the new file in place");
  return {};
}

}  // namespace

auto order_in_place(ByteView old_file, ByteView new_file, ByteView patch) -> Result<Bytes> {
  TRY(auto const format, proto::detect_patch(patch));
  if (format != proto::PatchFormat::godwit)
    return invalid("only patches of our own container are applied in place");
  TRY(auto container, proto::parse_container(patch, {}));
  TRY(auto const reads, reads_of(old_file, patch));
  std::vector<bool> alone(container.blocks.size());
  auto const order = Order(container.blocks, reads).find(alone);
  std::vector<Bytes> payloads(container.blocks.size());
  for (size_t i = 0; i < container.blocks.size(); ++i) {
    proto::Block& block = container.blocks[i];
    auto const bytes = new_file.subspan(static_cast<size_t>(block.new_offset), block.new_bytes);
    block.check = proto::block_check(bytes);  // of copies too: the old file does not stay as it is
    if (!alone[i]) continue;
    auto const from_nothing = block_alone(bytes, container.profile);
    TRY(auto const parsed, proto::parse_container(from_nothing, {}));
    CHECK(parsed.blocks.size() == 1 && parsed.sections.empty());
    payloads[i].assign(parsed.blocks[0].payload.begin(), parsed.blocks[0].payload.end());
    block.operation = parsed.blocks[0].operation;
    block.old_offset = 0;
    block.payload = payloads[i];
  }
  Bytes sections(container.sections.begin(), container.sections.end());
  auto const section = proto::write_order_section(order);
  sections.insert(sections.end(), section.begin(), section.end());
  container.sections = sections;
  auto ordered = proto::write_container(container);
  TRY_VOID(prove(old_file, new_file, ordered).within("applying the new patch in place"));
  return ordered;
}

}  // namespace godwit::delta
