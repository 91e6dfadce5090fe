#include "proto/format/bsdiff.h"

#include <algorithm>
#include <array>

#include "proto/format/bzip2_stream.h"
#include "proto/format/old_cursor.h"

namespace godwit::proto {
namespace {

constexpr size_t kPieceBytes = 16u << 10;

/// Where the streams lie; the literals go on to the end.
struct Layout {
  uint64_t control_bytes = 0;
  uint64_t diff_bytes = 0;
  uint64_t extra_bytes = 0;
  uint64_t new_bytes = 0;

  auto diff_at() const -> uint64_t { return kBsdiffHeaderBytes + control_bytes; }
  auto extra_at() const -> uint64_t { return diff_at() + diff_bytes; }
};

/// Add `add` old bytes to as many differences, take `literal` bytes, move in the old file.
struct Run {
  uint64_t add = 0;
  uint64_t literal = 0;
  int64_t seek = 0;

  auto empty() const -> bool { return add == 0 && literal == 0; }
};

/// Eight little-endian bytes: 63 bits of magnitude and a sign.
auto signed_magnitude(uint64_t bits) -> int64_t {
  auto const magnitude = static_cast<int64_t>(bits & ~(uint64_t{1} << 63));
  return bits >> 63 ? -magnitude : magnitude;
}

auto length(uint64_t bits, std::string_view what) -> Result<uint64_t> {
  int64_t const value = signed_magnitude(bits);
  if (value < 0) return corrupt("negative " + std::string(what));
  return static_cast<uint64_t>(value);
}

auto parse(ByteSource& patch, uint64_t patch_bytes, PatchLimits const& limits) -> Result<Layout> {
  std::array<uint8_t, kBsdiffHeaderBytes> header{};
  if (patch_bytes < header.size()) return corrupt("not a BSDIFF40 patch: too short");
  TRY_VOID(patch.read(0, header));
  Reader reader(header);
  TRY(auto magic, reader.bytes(kBsdiffMagic.size()));
  if (as_text(magic) != kBsdiffMagic) return corrupt("not a BSDIFF40 patch");
  TRY(uint64_t const control_bits, reader.u64());
  TRY(uint64_t const diff_bits, reader.u64());
  TRY(uint64_t const new_bits, reader.u64());
  Layout layout;
  TRY(layout.control_bytes, length(control_bits, "length of the control stream"));
  TRY(layout.diff_bytes, length(diff_bits, "length of the difference stream"));
  TRY(layout.new_bytes, length(new_bits, "size of the new file"));
  if (layout.new_bytes > limits.new_bytes_max)
    return corrupt("the new file is larger than the limit of " +
                   std::to_string(limits.new_bytes_max) + " bytes");
  // Each is held against what is left, so no sum of lengths can overflow.
  uint64_t left = patch_bytes - header.size();
  if (layout.control_bytes > left) return corrupt("the control stream is cut off");
  left -= layout.control_bytes;
  if (layout.diff_bytes > left) return corrupt("the difference stream is cut off");
  layout.extra_bytes = left - layout.diff_bytes;
  return layout;
}

/// The control stream, checked to yield exactly the new file.
class Control {
 public:
  Control(ByteSource& patch, Layout const& layout)
      : stream_(patch, kBsdiffHeaderBytes, layout.control_bytes),
        left_(layout.new_bytes),
        instructions_left_(left_ + 2) {}

  auto done() const -> bool { return left_ == 0; }
  auto next() -> Result<Run> {
    // bsdiff writes an empty instruction at most once; a stream of them would never end.
    if (instructions_left_-- == 0) return corrupt("too many control instructions");
    std::array<uint8_t, 24> coded{};
    TRY_VOID(stream_.read(coded).within("control"));
    Reader reader(coded);
    TRY(uint64_t const add_bits, reader.u64());
    TRY(uint64_t const literal_bits, reader.u64());
    TRY(uint64_t const seek_bits, reader.u64());
    Run run;
    TRY(run.add, length(add_bits, "length of differences"));
    TRY(run.literal, length(literal_bits, "length of literals"));
    run.seek = signed_magnitude(seek_bits);
    if (run.add > left_ || run.literal > left_ - run.add)
      return corrupt("control instructions make more than the new file");
    left_ -= run.add + run.literal;
    return run;
  }
  auto finish() -> Result<> { return stream_.finish().within("control"); }

 private:
  Bzip2Stream stream_;
  uint64_t left_;
  uint64_t instructions_left_;
};

}  // namespace

struct BsdiffStream::State {
  State(ByteSource& old_file, uint64_t old_bytes, ByteSource& patch, Layout const& its)
      : layout(its),
        control(patch, its),
        diff(patch, its.diff_at(), its.diff_bytes),
        extra(patch, its.extra_at(), its.extra_bytes),
        old(old_file, old_bytes) {}
  Layout layout;
  Control control;
  Bzip2Stream diff;
  Bzip2Stream extra;
  OldCursor old;
  Run run;  // what is left of the present instruction
  uint64_t offset = 0;

  auto take(std::span<uint8_t> out, bool reads_old) -> Result<size_t>;
};

/// The next bytes of one instruction, at most as many as there is room for.
auto BsdiffStream::State::take(std::span<uint8_t> out, bool reads_old) -> Result<size_t> {
  if (run.empty()) {
    if (control.done()) return corrupt("control instructions make less than the new file");
    TRY(run, control.next());
  }
  auto& left = run.add > 0 ? run.add : run.literal;
  auto const piece = out.first(static_cast<size_t>(std::min<uint64_t>(left, out.size())));
  if (run.add > 0) {
    TRY_VOID(diff.read(piece).within("differences"));
    TRY_VOID((reads_old ? old.add_to(piece) : old.pass(piece.size())).within("differences"));
  } else {
    TRY_VOID(extra.read(piece).within("literals"));
  }
  left -= piece.size();
  offset += piece.size();
  if (run.empty()) TRY_VOID(old.seek(run.seek));
  return piece.size();
}

BsdiffStream::BsdiffStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
BsdiffStream::~BsdiffStream() = default;

auto BsdiffStream::open(ByteSource& old_file, uint64_t old_bytes, ByteSource& patch,
                        uint64_t patch_bytes, PatchLimits const& limits)
    -> Result<std::unique_ptr<BsdiffStream>> {
  TRY(Layout const layout, parse(patch, patch_bytes, limits));
  return std::unique_ptr<BsdiffStream>(
      new BsdiffStream(std::make_unique<State>(old_file, old_bytes, patch, layout)));
}

auto BsdiffStream::new_bytes() const -> uint64_t {
  return state_->layout.new_bytes;
}

auto BsdiffStream::offset() const -> uint64_t {
  return state_->offset;
}

auto BsdiffStream::read(std::span<uint8_t> out) -> Result<> {
  CHECK(out.size() <= new_bytes() - offset());
  while (!out.empty()) {
    TRY(auto const count, state_->take(out, true));
    out = out.subspan(count);
  }
  return {};
}

auto BsdiffStream::skip(uint64_t count) -> Result<> {
  CHECK(count <= new_bytes() - offset());
  std::array<uint8_t, kPieceBytes> buffer;
  while (count > 0) {
    auto const piece =
        std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(count, buffer.size())));
    TRY(auto const passed, state_->take(piece, false));
    count -= passed;
  }
  return {};
}

auto BsdiffStream::finish() -> Result<> {
  if (offset() != new_bytes()) return invalid("the new file does not end here");
  TRY_VOID(state_->control.finish());
  TRY_VOID(state_->diff.finish().within("differences"));
  return state_->extra.finish().within("literals");
}

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits,
                  std::function<Result<>(ByteView)> const& sink) -> Result<> {
  ViewSource old_source(old_file);
  ViewSource patch_source(patch);
  TRY(auto const stream,
      BsdiffStream::open(old_source, old_file.size(), patch_source, patch.size(), limits));
  // In pieces: a damaged patch must not make us touch memory for what it only claims.
  std::array<uint8_t, kPieceBytes> buffer;
  while (stream->offset() < stream->new_bytes()) {
    auto const left = stream->new_bytes() - stream->offset();
    auto const piece =
        std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(left, buffer.size())));
    TRY_VOID(stream->read(piece));
    TRY_VOID(sink(piece));
  }
  return stream->finish();
}

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes> {
  ViewSource source(patch);
  TRY(Layout const layout, parse(source, patch.size(), limits));
  Bytes out;
  out.reserve(static_cast<size_t>(layout.new_bytes));
  TRY_VOID(apply_bsdiff(old_file, patch, limits, [&out](ByteView piece) -> Result<> {
    out.insert(out.end(), piece.begin(), piece.end());
    return {};
  }));
  return out;
}

auto inspect_bsdiff(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo> {
  ViewSource source(patch);
  TRY(Layout const layout, parse(source, patch.size(), limits));
  Control control(source, layout);
  PatchInfo info;
  info.new_bytes = layout.new_bytes;
  while (!control.done()) {
    TRY(Run const run, control.next());
    info.added_bytes += run.add;
    info.literal_bytes += run.literal;
    ++info.instructions;
  }
  TRY_VOID(control.finish());
  return info;
}

}  // namespace godwit::proto
