#include "agent/core/artifact.h"

#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kFile = "download";
constexpr uint64_t kPieceBytes = 64u << 10;

/// A storage error, whatever its kind, is not the artifact's.
auto storage(Error const& error) -> Error {
  return internal(error.what);
}

/// Calls `use` with every piece of the file; stops at its first error.
auto each_piece(Files const& files, auto use) -> Result<> {
  auto const size = files.size(kFile);
  if (!size) return storage(size.error());
  for (uint64_t offset = 0; offset < *size;) {
    auto piece = files.read(kFile, offset, kPieceBytes);
    if (!piece) return storage(piece.error());
    if (piece->empty()) return internal("the download file became shorter");
    TRY_VOID(use(ByteView(*piece)));
    offset += piece->size();
  }
  return {};
}

}  // namespace

auto full_artifact(proto::Agreed const& agreed) -> Artifact {
  auto const& release = *agreed.image.release;
  return {agreed.image.sha256,
          agreed.image.length,
          agreed.director.assignment->key,
          proto::release_aad(agreed.path, release.plain_sha256, release.plain_length),
          false,
          {}};
}

auto delta_artifact(proto::Agreed const& agreed) -> Artifact {
  auto const& delta = *agreed.director.assignment->delta;
  auto const& result = agreed.image.release->plain_sha256;
  return {delta.sha256, delta.length,
          delta.key,    proto::delta_aad(delta.format, delta.base_plain_sha256, result),
          true,         delta.base_plain_sha256};
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

auto download_sha256(Files const& files) -> Result<Sha256> {
  proto::Sha256Stream stream;
  TRY_VOID(each_piece(files, [&](ByteView piece) -> Result<> {
    stream.add(piece);
    return {};
  }));
  return stream.finish();
}

auto unseal_download(Files const& files, proto::ContentKey const& key, ByteView aad)
    -> Result<Bytes> {
  proto::Unsealer unsealer(key, aad);
  Bytes plain;
  TRY_VOID(each_piece(files, [&](ByteView piece) { return unsealer.add(piece, plain); }));
  TRY_VOID(unsealer.finish());
  return plain;
}

}  // namespace godwit::agent
