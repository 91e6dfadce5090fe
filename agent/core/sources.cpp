#include "agent/core/sources.h"

#include <algorithm>

namespace godwit::agent {
namespace {

constexpr uint64_t kWindowBytes = 16u << 10;

/// Copies what `held`, which begins at `held_at`, has for `out` at `offset`; how much that was.
auto copy_held(uint64_t held_at, ByteView held, uint64_t offset, std::span<uint8_t> out) -> size_t {
  if (offset < held_at || offset - held_at >= held.size()) return 0;
  auto const from = held.subspan(static_cast<size_t>(offset - held_at));
  auto const count = std::min(from.size(), out.size());
  std::copy_n(from.begin(), count, out.begin());
  return count;
}

}  // namespace

auto WindowSource::read(uint64_t offset, std::span<uint8_t> out) -> Result<> {
  while (!out.empty()) {
    auto const count = copy_held(window_at_, window_, offset, out);
    out = out.subspan(count);
    offset += count;
    if (out.empty() || count > 0) continue;
    auto window = read_range_(offset, std::max<uint64_t>(kWindowBytes, out.size()));
    if (!window && window.error().code == Code::not_found) return corrupt("it is gone");
    if (!window && window.error().code == Code::corrupt) return window.error();
    if (!window) {
      error_ = internal(window.error().what);
      return *error_;
    }
    if (window->empty()) return corrupt("it reads past the end");
    proto::cleanse(window_);
    window_ = *std::move(window);
    window_at_ = offset;
  }
  return {};
}

auto SealedSource::open(Files const& files, Where const& where, proto::ContentKey const& key,
                        ByteView aad, StorageError& error)
    -> Result<std::unique_ptr<SealedSource>> {
  auto header = files.read(where.file, where.offset, proto::kSealedHeaderBytes);
  if (!header) return internal(header.error().what);
  TRY(auto opener, proto::SegmentOpener::open(key, aad, *header, where.bytes));
  return std::unique_ptr<SealedSource>(new SealedSource(files, where, std::move(opener), error));
}

auto SealedSource::read(uint64_t offset, std::span<uint8_t> out) -> Result<> {
  while (!out.empty()) {
    auto const count = copy_held(plain_at_, plain_, offset, out);
    out = out.subspan(count);
    offset += count;
    if (out.empty() || count > 0) continue;
    if (offset >= plain_bytes()) return corrupt("it reads past the end");
    auto const segment = opener_.segment_at(offset);
    auto sealed =
        files_.read(where_.file, where_.offset + segment.sealed_offset, segment.sealed_bytes);
    if (!sealed) {
      error_ = internal(sealed.error().what);
      return *error_;
    }
    plain_.clear();
    plain_at_ = segment.plain_offset;
    TRY_VOID(opener_.open_segment(segment, *sealed, plain_));
  }
  return {};
}

}  // namespace godwit::agent
