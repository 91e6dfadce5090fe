#include "agent/core/artifact.h"

#include <algorithm>

#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kFile = kDownloadFile;
constexpr uint64_t kPieceBytes = 64u << 10;

/// A storage error, whatever its kind, is not the artifact's.
auto storage(Error const& error) -> Error {
  return internal(error.what);
}

/// Calls `use` with every piece of a range of the file; stops at its first error.
auto each_piece(Files const& files, uint64_t offset, uint64_t bytes, auto use) -> Result<> {
  while (bytes > 0) {
    auto piece = files.read(kFile, offset, std::min(kPieceBytes, bytes));
    if (!piece) return storage(piece.error());
    if (piece->empty()) return internal("the download file became shorter");
    TRY_VOID(use(ByteView(*piece)));
    offset += piece->size();
    bytes -= piece->size();
  }
  return {};
}

auto sealed_delta(proto::DeltaOffer const& delta, Sha256 const& result) -> Sealed {
  return {.sha256 = delta.sha256,
          .length = delta.length,
          .key = delta.key,
          .aad = proto::delta_aad(delta.format, delta.base_plain_sha256, result),
          .base = delta.base_plain_sha256,
          .result = result};
}

}  // namespace

auto Artifact::length() const -> uint64_t {
  uint64_t bytes = 0;
  for (auto const& part : parts) bytes += part.length;
  return bytes;
}

auto Artifact::id() const -> Sha256 {
  if (parts.size() == 1) return parts.front().sha256;
  proto::Sha256Stream stream;
  for (auto const& part : parts) stream.add(part.sha256.bytes);
  return stream.finish();
}

auto full_artifact(proto::Agreed const& agreed) -> Artifact {
  auto const& release = *agreed.image.release;
  Sealed sealed{.sha256 = agreed.image.sha256,
                .length = agreed.image.length,
                .key = agreed.director.assignment->key,
                .aad = proto::release_aad(agreed.path, release.plain_sha256, release.plain_length),
                .base = {},
                .result = {}};
  return {.parts = {std::move(sealed)}, .is_delta = false};
}

auto delta_artifact(proto::Agreed const& agreed) -> Artifact {
  auto const& assignment = *agreed.director.assignment;
  Artifact artifact{.parts = {}, .is_delta = true};
  for (auto const& step : assignment.chain)
    artifact.parts.push_back(sealed_delta(step, *step.plain_sha256));
  if (artifact.parts.empty())
    artifact.parts.push_back(sealed_delta(*assignment.delta, agreed.image.release->plain_sha256));
  return artifact;
}

auto downloaded_bytes(Files const& files) -> Result<uint64_t> {
  auto size = files.size(kFile);
  if (!size && size.error().code == Code::not_found) return uint64_t{0};
  if (!size) return storage(size.error());
  return *size;
}

auto append_download(Files& files, uint64_t offset, ByteView bytes) -> Result<> {
  auto written = files.write(kFile, offset, bytes);
  if (written) written = files.sync(kFile);
  // The name too, the first time: what is not found again is downloaded again.
  if (written && offset == 0) written = files.sync_folder();
  if (!written) return storage(written.error());
  return {};
}

auto discard_download(Files& files) -> Result<> {
  auto removed = files.remove(kFile);
  if (removed) removed = files.sync_folder();
  if (!removed) return storage(removed.error());
  return {};
}

namespace {

/// How many of the `bytes` that are there of a part, from `at` on, are whole and hold.
auto bytes_that_hold(Files const& files, KeyStore& keys, Sealed const& part, uint64_t at,
                     uint64_t bytes) -> Result<uint64_t> {
  auto const key = keys.unwrap(part.key, part.sha256);
  if (!key) return bytes;  // who opens it will say so
  auto const header = files.read(kFile, at, std::min<uint64_t>(bytes, proto::kSealedHeaderBytes));
  if (!header) return storage(header.error());
  auto opener = proto::SegmentOpener::open(*key, part.aad, *header, part.length);
  if (!opener) return uint64_t{0};
  for (uint64_t number = opener->segments(); number-- > 0;) {
    auto const segment = opener->segment(number);
    auto const end = segment.sealed_offset + segment.sealed_bytes;
    if (end > bytes) continue;
    auto const sealed = files.read(kFile, at + segment.sealed_offset, segment.sealed_bytes);
    if (!sealed) return storage(sealed.error());
    Bytes plain;
    if (opener->open_segment(segment, *sealed, plain)) return end;
  }
  return uint64_t{0};
}

}  // namespace

auto trim_download(Files& files, KeyStore& keys, Artifact const& artifact) -> Result<> {
  TRY(auto const bytes, downloaded_bytes(files));
  uint64_t at = 0;
  auto part = artifact.parts.begin();
  while (part != artifact.parts.end() && bytes - at > part->length) at += (part++)->length;
  if (part == artifact.parts.end() || bytes == at) return {};  // too long is seen elsewhere
  TRY(auto const held, bytes_that_hold(files, keys, *part, at, bytes - at));
  if (at + held == bytes) return {};
  auto trimmed = files.truncate(kFile, at + held);
  if (trimmed) trimmed = files.sync(kFile);
  if (!trimmed) return storage(trimmed.error());
  return {};
}

auto download_is_intact(Files const& files, Artifact const& artifact) -> Result<bool> {
  uint64_t offset = 0;
  for (auto const& part : artifact.parts) {
    proto::Sha256Stream stream;
    TRY_VOID(each_piece(files, offset, part.length, [&](ByteView piece) -> Result<> {
      stream.add(piece);
      return {};
    }));
    if (stream.finish() != part.sha256) return false;
    offset += part.length;
  }
  return true;
}

auto unseal_download(Files const& files, Memory& memory, proto::ContentKey const& key, ByteView aad)
    -> Result<Plaintext> {
  TRY(auto const bytes, downloaded_bytes(files));
  auto const header = files.read(kFile, 0, proto::kSealedHeaderBytes);
  if (!header) return storage(header.error());
  TRY(auto opener, proto::SegmentOpener::open(key, aad, *header, bytes));
  auto plain = memory.take(opener.plain_bytes());
  if (!plain) return plain;
  for (uint64_t number = 0; number < opener.segments(); ++number) {
    auto const segment = opener.segment(number);
    auto const sealed = files.read(kFile, segment.sealed_offset, segment.sealed_bytes);
    if (!sealed) return storage(sealed.error());
    TRY_VOID(opener.open_segment_into(
        segment, *sealed, plain->bytes().subspan(segment.plain_offset, segment.plain_bytes())));
  }
  return plain;
}

}  // namespace godwit::agent
