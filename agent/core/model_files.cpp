#include "agent/core/model_files.h"

#include <algorithm>

namespace godwit::agent {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'G', 'W', 'R', 'E', 'S', 'T', 0, 1};
constexpr size_t kLengthBytes = 4;  // before each message: of its plaintext
constexpr uint64_t kPieceBytes = 256u << 10;
/// Read at once: segments enough that a call to the folder costs little beside opening them.
constexpr uint64_t kSegmentsAtOnce = 16;

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// What a file's seal says is the file's fault; anything else the store's.
auto of_seal(Error error) -> Error {
  if (error.code == Code::denied) error.code = Code::corrupt;
  return error;
}

/// Fills `out` from a place in the segment's plaintext on.
auto open_segment(proto::SegmentOpener& opener, proto::SegmentOpener::Segment const& segment,
                  ByteView sealed, uint64_t skipped, std::span<uint8_t> out) -> Result<> {
  if (out.size() == segment.plain_bytes()) return opener.open_segment_into(segment, sealed, out);
  Bytes whole(segment.plain_bytes());
  auto const opened = opener.open_segment_into(segment, sealed, whole);
  if (opened) std::copy_n(whole.begin() + static_cast<ptrdiff_t>(skipped), out.size(), out.begin());
  proto::cleanse(whole);
  return opened;
}

}  // namespace

auto ModelFiles::Layout::end() const -> uint64_t {
  if (parts.empty()) return head_bytes;
  return parts.back().at + proto::sealed_length(parts.back().plain_bytes);
}

/// Appends the length and the message of one more write.
void ModelFiles::seal_part(Layout& layout, ByteView plain, Bytes& out) {
  auto const at = layout.end() + kLengthBytes;
  Writer length;
  length.u32(static_cast<uint32_t>(plain.size()));
  append(out, length.view());
  append(out, proto::seal(*layout.key, proto::rest_aad(layout.plain_bytes, plain.size()), plain));
  layout.parts.push_back({layout.plain_bytes, plain.size(), at});
  layout.plain_bytes += plain.size();
}

/// The part that holds a byte; parts.size() past the last.
auto ModelFiles::Layout::part_at(uint64_t plain_offset) const -> size_t {
  auto const after = std::upper_bound(
      parts.begin(), parts.end(), plain_offset,
      [](uint64_t offset, Part const& part) { return offset < part.plain_offset; });
  if (plain_offset >= plain_bytes) return parts.size();
  return static_cast<size_t>(after - parts.begin()) - 1;
}

/// The form, and of a sealed file the key. A beginning that a power cut tore is an empty file.
auto ModelFiles::scan_head(std::string_view name, uint64_t file_bytes, Layout& found) const
    -> Result<> {
  TRY(auto const head, folder_.read(name, 0, kMagic.size() + 2 + kLockedKeyBytesMax));
  auto const known = std::min(head.size(), kMagic.size());
  if (head.empty() || !std::equal(head.begin(), head.begin() + known, kMagic.begin())) {
    found.form = head.empty() ? form_ : Form::plain;
    found.plain_bytes = file_bytes;
    return {};
  }
  Reader reader(head);
  if (!reader.skip(kMagic.size())) return {};
  auto const locked_bytes = reader.u16();
  if (!locked_bytes) return {};
  if (*locked_bytes > kLockedKeyBytesMax) return corrupt(std::string(name) + " has no key");
  auto const locked = reader.bytes(*locked_bytes);
  if (!locked) return {};
  auto key = keys_.unlock(*locked);
  if (!key) return of_seal(std::move(key).error()).within(name);
  found.key.emplace(*std::move(key));
  found.head_bytes = reader.offset();
  return {};
}

auto ModelFiles::scan(std::string_view name) const -> Result<Layout> {
  TRY(auto const file_bytes, folder_.size(name));
  Layout found;
  TRY_VOID(scan_head(name, file_bytes, found));
  if (!found.key) return found;
  for (auto at = found.head_bytes; file_bytes - at > kLengthBytes;) {
    TRY(auto const prefix, folder_.read(name, at, kLengthBytes));
    TRY(auto const plain_bytes, Reader(prefix).u32());
    auto const message = at + kLengthBytes;
    auto const sealed_bytes = proto::sealed_length(plain_bytes);
    // Nothing whole lies behind what a power cut tore.
    if (plain_bytes == 0 || sealed_bytes > file_bytes - message) break;
    found.parts.push_back({found.plain_bytes, plain_bytes, message});
    found.plain_bytes += plain_bytes;
    at = message + sealed_bytes;
  }
  return found;
}

auto ModelFiles::layout(std::string_view name) const -> Result<Layout*> {
  auto known = layouts_.find(name);
  if (known == layouts_.end()) {
    TRY(auto found, scan(name));
    known = layouts_.emplace(std::string(name), std::move(found)).first;
  }
  return &known->second;
}

void ModelFiles::forget(std::string_view name) const {
  if (auto const known = layouts_.find(name); known != layouts_.end()) layouts_.erase(known);
  if (opened_ && opened_->name == name) opened_.reset();
}

auto ModelFiles::opener(std::string_view name, Layout const& layout, Part const& part) const
    -> Result<proto::SegmentOpener*> {
  if (!opened_ || opened_->name != name || opened_->at != part.at) {
    opened_.reset();
    TRY(auto const header, folder_.read(name, part.at, proto::kSealedHeaderBytes));
    auto opened = proto::SegmentOpener::open(*layout.key,
                                             proto::rest_aad(part.plain_offset, part.plain_bytes),
                                             header, proto::sealed_length(part.plain_bytes));
    if (!opened) return of_seal(std::move(opened).error()).within(name);
    opened_.emplace(Opened{std::string(name), part.at, *std::move(opened)});
  }
  return &opened_->opener;
}

/// Fills `out` from `offset` of the part's plaintext on; all of it lies within. Whole segments are
/// opened where they stay.
auto ModelFiles::read_part(std::string_view name, Layout const& layout, Part const& part,
                           uint64_t offset, std::span<uint8_t> out) const -> Result<> {
  TRY(auto* const opened, opener(name, layout, part));
  while (!out.empty()) {
    auto const first = opened->segment_at(offset);
    auto const past = opened->segment_at(offset + out.size() - 1).number + 1;
    auto const last = opened->segment(std::min(past, first.number + kSegmentsAtOnce) - 1);
    auto const sealed_bytes = last.sealed_offset + last.sealed_bytes - first.sealed_offset;
    TRY(auto const sealed, folder_.read(name, part.at + first.sealed_offset, sealed_bytes));
    if (sealed.size() < sealed_bytes) return corrupt(std::string(name) + " became shorter");
    for (auto number = first.number; number <= last.number; ++number) {
      auto const segment = opened->segment(number);
      auto const bytes = ByteView(sealed).subspan(segment.sealed_offset - first.sealed_offset,
                                                  segment.sealed_bytes);
      auto const skipped = offset - segment.plain_offset;
      auto const count = std::min<uint64_t>(out.size(), segment.plain_bytes() - skipped);
      auto const read = open_segment(*opened, segment, bytes, skipped, out.first(count));
      if (!read) return of_seal(read.error()).within(name);
      offset += count;
      out = out.subspan(count);
    }
  }
  return {};
}

auto ModelFiles::read_into(std::string_view name, Layout const& layout, uint64_t offset,
                           std::span<uint8_t> out) const -> Result<> {
  for (auto i = layout.part_at(offset); !out.empty(); ++i) {
    auto const& part = layout.parts[i];
    auto const within = offset - part.plain_offset;
    auto const count = std::min<uint64_t>(out.size(), part.plain_bytes - within);
    TRY_VOID(read_part(name, layout, part, within, out.first(count)));
    offset += count;
    out = out.subspan(count);
  }
  return {};
}

auto ModelFiles::size(std::string_view name) const -> Result<uint64_t> {
  TRY(auto const* const found, layout(name));
  // Plain files are others' to change as well.
  return found->form == Form::plain ? folder_.size(name) : Result<uint64_t>(found->plain_bytes);
}

auto ModelFiles::read(std::string_view name, uint64_t offset, uint64_t size_max) const
    -> Result<Bytes> {
  TRY(auto const* const found, layout(name));
  if (found->form == Form::plain) return folder_.read(name, offset, size_max);
  if (offset >= found->plain_bytes) return Bytes();
  Bytes plain(std::min(size_max, found->plain_bytes - offset));
  auto filled = read_into(name, *found, offset, plain);
  if (filled) return plain;
  proto::cleanse(plain);
  return std::move(filled).error();
}

auto ModelFiles::map(std::string_view name) const -> Result<Plaintext> {
  TRY(auto const* const found, layout(name));
  if (found->form == Form::plain) return folder_.map(name);
  TRY(auto plain, memory_.take(found->plain_bytes));
  TRY_VOID(read_into(name, *found, 0, plain.bytes()));
  return plain;
}

auto ModelFiles::write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> {
  if (offset == 0) return begin(name, bytes);
  TRY(auto const* const found, layout(name));
  // Each file goes on in the form that it began in.
  return found->form == Form::sealed ? append_sealed(name, offset, bytes)
                                     : folder_.write(name, offset, bytes);
}

auto ModelFiles::begin(std::string_view name, ByteView bytes) -> Result<> {
  forget(name);
  auto const before = folder_.size(name);
  if (!before && before.error().code != Code::not_found) return before.error();
  if (before && *before > 0) TRY_VOID(folder_.truncate(name, 0));
  if (form_ == Form::plain) return folder_.write(name, 0, bytes);

  auto const key = proto::ContentKey::generate();
  TRY(auto const locked, keys_.lock(key));
  CHECK(locked.size() <= kLockedKeyBytesMax);
  Writer head;
  head.bytes(kMagic);
  head.u16(static_cast<uint16_t>(locked.size()));
  head.bytes(locked);
  Layout layout{.form = Form::sealed, .key = key, .parts = {}, .head_bytes = head.size()};
  auto sealed = std::move(head).take();
  if (!bytes.empty()) seal_part(layout, bytes, sealed);
  TRY_VOID(folder_.write(name, 0, sealed));
  layouts_.emplace(std::string(name), std::move(layout));
  return {};
}

auto ModelFiles::append_sealed(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> {
  TRY(auto* const found, layout(name));
  if (!found->key || offset > found->plain_bytes)
    return internal(std::string(name) + " is written from front to back");
  if (bytes.empty()) return {};
  auto kept = cut_off(name, *found, offset);
  auto written = Result<>();
  if (kept) {
    append(*kept, bytes);
    auto const at = found->end();
    Bytes sealed;
    seal_part(*found, *kept, sealed);
    proto::cleanse(*kept);
    written = folder_.write(name, at, sealed);
  } else {
    written = std::move(kept).error();
  }
  if (!written) forget(name);
  return written;
}

/// Leaves the parts that end at `size` or before, and hands out what was kept of the next one: it
/// is to be sealed again with what follows.
auto ModelFiles::cut_off(std::string_view name, Layout& layout, uint64_t size) -> Result<Bytes> {
  Bytes kept;
  if (opened_ && opened_->name == name) opened_.reset();
  if (auto const cut = layout.part_at(size); cut < layout.parts.size()) {
    auto const part = layout.parts[cut];
    if (size > part.plain_offset) {
      kept.resize(size - part.plain_offset);
      TRY_VOID(read_part(name, layout, part, 0, kept));
    }
    layout.parts.resize(cut);
    layout.plain_bytes = part.plain_offset;
  }
  TRY(auto const file_bytes, folder_.size(name));
  if (file_bytes > layout.end()) TRY_VOID(folder_.truncate(name, layout.end()));
  return kept;
}

auto ModelFiles::truncate(std::string_view name, uint64_t size) -> Result<> {
  TRY(auto* const found, layout(name));
  auto cut = Result<>();
  if (found->form == Form::plain) {
    cut = folder_.truncate(name, size);
  } else if (size < found->plain_bytes) {
    auto kept = cut_off(name, *found, size);
    cut = kept ? append_sealed(name, found->plain_bytes, *kept) : std::move(kept).error();
    if (kept) proto::cleanse(*kept);
  }
  forget(name);
  return cut;
}

auto ModelFiles::sync(std::string_view name) -> Result<> {
  return folder_.sync(name);
}

auto ModelFiles::rename(std::string_view from, std::string_view to) -> Result<> {
  forget(from);
  forget(to);
  return folder_.rename(from, to);
}

auto ModelFiles::remove(std::string_view name) -> Result<> {
  forget(name);
  return folder_.remove(name);
}

auto ModelFiles::sync_folder() -> Result<> {
  return folder_.sync_folder();
}

auto ModelFiles::drop_other_form(std::string_view name) -> Result<> {
  auto const found = layout(name);
  if (found && (*found)->form == form_) return {};
  auto const code = found ? Code::corrupt : found.error().code;
  if (code == Code::not_found) return {};
  return code == Code::corrupt ? remove(name) : Result<>(found.error());
}

auto ModelFiles::convert(std::string_view name) -> Result<bool> {
  auto const found = layout(name);
  if (!found && found.error().code == Code::not_found) return false;
  if (!found) return found.error();
  if ((*found)->form == form_) return false;
  auto const aside = std::string(name) + ".new";
  TRY(auto const bytes, size(name));
  TRY_VOID(remove(aside));
  for (uint64_t offset = 0; offset < bytes || offset == 0; offset += kPieceBytes) {
    TRY(auto piece, read(name, offset, kPieceBytes));
    auto const written = write(aside, offset, piece);
    proto::cleanse(piece);
    TRY_VOID(written);
  }
  TRY_VOID(sync(aside));
  TRY_VOID(rename(aside, name));
  TRY_VOID(sync_folder());
  return true;
}

}  // namespace godwit::agent
