#include "proto/format/bsdiff.h"

#include <algorithm>
#include <array>

#include "proto/format/bzip2_stream.h"
#include "proto/format/old_cursor.h"

namespace godwit::proto {
namespace {

constexpr size_t kPieceBytes = 16u << 10;

struct Layout {
  ByteView control;
  ByteView diff;
  ByteView extra;
  uint64_t new_bytes = 0;
};

/// Add `add` old bytes to as many differences, take `literal` bytes, move in the old file.
struct Run {
  uint64_t add = 0;
  uint64_t literal = 0;
  int64_t seek = 0;
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

auto parse(ByteView patch, PatchLimits const& limits) -> Result<Layout> {
  Reader reader(patch);
  TRY(auto magic, reader.bytes(kBsdiffMagic.size()));
  if (as_text(magic) != kBsdiffMagic) return corrupt("not a BSDIFF40 patch");
  TRY(uint64_t const control_bits, reader.u64());
  TRY(uint64_t const diff_bits, reader.u64());
  TRY(uint64_t const new_bits, reader.u64());
  TRY(uint64_t const control_bytes, length(control_bits, "length of the control stream"));
  TRY(uint64_t const diff_bytes, length(diff_bits, "length of the difference stream"));
  Layout layout;
  TRY(layout.new_bytes, length(new_bits, "size of the new file"));
  if (layout.new_bytes > limits.new_bytes_max)
    return corrupt("the new file is larger than the limit of " +
                   std::to_string(limits.new_bytes_max) + " bytes");
  // Each read is held against what is left, so no sum of lengths can overflow.
  TRY(layout.control, reader.bytes(control_bytes));
  TRY(layout.diff, reader.bytes(diff_bytes));
  TRY(layout.extra, reader.bytes(reader.left()));
  return layout;
}

/// The control stream, checked to yield exactly the new file.
class Control {
 public:
  explicit Control(Layout const& layout)
      : stream_(layout.control), left_(layout.new_bytes), instructions_left_(left_ + 2) {}

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

using Sink = std::function<Result<>(ByteView)>;

/// Hands on `count` bytes of the stream, with the old bytes added when there is a cursor. In
/// pieces: a damaged patch must not make us touch memory for what it only claims.
auto pass(Sink const& sink, uint64_t count, Bzip2Stream& stream, OldCursor* old) -> Result<> {
  std::array<uint8_t, kPieceBytes> buffer;
  while (count > 0) {
    auto const piece =
        std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(count, kPieceBytes)));
    TRY_VOID(stream.read(piece));
    if (old) TRY_VOID(old->add_to(piece));
    TRY_VOID(sink(piece));
    count -= piece.size();
  }
  return {};
}

}  // namespace

auto apply_bsdiff(ByteSource& old_file, uint64_t old_bytes, ByteView patch,
                  PatchLimits const& limits, Sink const& sink) -> Result<> {
  TRY(Layout const layout, parse(patch, limits));
  Control control(layout);
  Bzip2Stream diff(layout.diff);
  Bzip2Stream extra(layout.extra);
  OldCursor old(old_file, old_bytes);
  while (!control.done()) {
    TRY(Run const run, control.next());
    TRY_VOID(pass(sink, run.add, diff, &old).within("differences"));
    TRY_VOID(pass(sink, run.literal, extra, nullptr).within("literals"));
    TRY_VOID(old.seek(run.seek));
  }
  TRY_VOID(control.finish());
  TRY_VOID(diff.finish().within("differences"));
  TRY_VOID(extra.finish().within("literals"));
  return {};
}

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits, Sink const& sink)
    -> Result<> {
  ViewSource source(old_file);
  return apply_bsdiff(source, old_file.size(), patch, limits, sink);
}

auto apply_bsdiff(ByteView old_file, ByteView patch, PatchLimits const& limits) -> Result<Bytes> {
  TRY(Layout const layout, parse(patch, limits));
  Bytes out;
  out.reserve(static_cast<size_t>(layout.new_bytes));
  TRY_VOID(apply_bsdiff(old_file, patch, limits, [&out](ByteView piece) -> Result<> {
    out.insert(out.end(), piece.begin(), piece.end());
    return {};
  }));
  return out;
}

auto inspect_bsdiff(ByteView patch, PatchLimits const& limits) -> Result<PatchInfo> {
  TRY(Layout const layout, parse(patch, limits));
  Control control(layout);
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
