// Content encryption: FLOE (c2sp.org/FLOE), parameter set GCM256_IV256_4K: streaming, bounded
// memory, random access, key-committing. And its key's wrap: HPKE base mode, DHKEM(X25519,
// HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180). Known answers: tests/data/vectors.
#pragma once

#include <array>
#include <memory>

#include "proto/base/bytes.h"
#include "proto/trust/metadata.h"

namespace godwit::proto {

/// The key of one sealed artifact.
class ContentKey {
 public:
  static auto generate() -> ContentKey { return ContentKey(Secret::generate()); }
  static auto from_bytes(ByteView raw32) -> Result<ContentKey>;
  auto bytes() const -> ByteView { return raw_.bytes; }

 private:
  explicit ContentKey(Secret const& raw) : raw_(raw) {}
  Secret raw_;
};

/// Length of the sealed form of `plain_length` bytes.
auto sealed_length(uint64_t plain_length) -> uint64_t;

/// Seals in one call; `aad` binds the context (release_aad, delta_aad).
auto seal(ContentKey const& key, ByteView aad, ByteView plain) -> Bytes;
/// Opens in one call; `denied` on any change of key, aad, order, length or content.
auto unseal(ContentKey const& key, ByteView aad, ByteView sealed) -> Result<Bytes>;

/// Streaming: feed any pieces, plaintext comes out in whole segments.
class Unsealer {
 public:
  Unsealer(ContentKey const& key, ByteView aad);
  ~Unsealer();
  Unsealer(Unsealer&&) noexcept;
  auto operator=(Unsealer&&) noexcept -> Unsealer&;
  /// Appends to `plain` what became readable; `denied` at the first segment that does not hold.
  auto add(ByteView sealed, Bytes& plain) -> Result<>;
  /// `denied` unless the final segment was seen.
  auto finish() const -> Result<>;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

constexpr size_t kSealedHeaderBytes = 74;
constexpr size_t kSealedSegmentBytes = 4096;
constexpr size_t kSealedOverheadBytes = 32;  // of a segment

/// Random access: opens single segments of sealed bytes whose whole length is known. What is read
/// so is what was sealed, piece by piece; that nothing was cut off the length says.
class SegmentOpener {
 public:
  /// `header`: the first kSealedHeaderBytes. `denied` when it was not sealed with this key and aad,
  /// or cannot be of this length.
  static auto open(ContentKey const& key, ByteView aad, ByteView header, uint64_t sealed_bytes)
      -> Result<SegmentOpener>;
  ~SegmentOpener();
  SegmentOpener(SegmentOpener&&) noexcept;
  auto operator=(SegmentOpener&&) noexcept -> SegmentOpener&;

  auto plain_bytes() const -> uint64_t;
  auto segments() const -> uint64_t;
  struct Segment {
    uint64_t number = 0;
    uint64_t sealed_offset = 0;
    uint64_t sealed_bytes = 0;
    uint64_t plain_offset = 0;
    auto plain_bytes() const -> uint64_t { return sealed_bytes - kSealedOverheadBytes; }
  };
  /// Counted from 0, below segments().
  auto segment(uint64_t number) const -> Segment;
  /// The segment that holds a byte of the plaintext; `plain_offset < plain_bytes()`.
  auto segment_at(uint64_t plain_offset) const -> Segment;
  /// Appends its plaintext; `denied` when it does not hold.
  auto open_segment(Segment const& segment, ByteView sealed, Bytes& plain) -> Result<>;
  /// Fills `plain`, which has the segment's length.
  auto open_segment_into(Segment const& segment, ByteView sealed, std::span<uint8_t> plain)
      -> Result<>;

 private:
  struct State;
  explicit SegmentOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Sealer {
 public:
  Sealer(ContentKey const& key, ByteView aad);
  ~Sealer();
  Sealer(Sealer&&) noexcept;
  auto operator=(Sealer&&) noexcept -> Sealer&;
  void add(ByteView plain, Bytes& sealed);
  void finish(Bytes& sealed);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// AAD of a release: path, NUL, hex of the plaintext's SHA-256, NUL, its length in decimal.
auto release_aad(std::string_view path, Sha256 const& plain, uint64_t plain_length) -> Bytes;
/// AAD of a delta: "delta", NUL, format, NUL, hex of base, NUL, hex of result.
auto delta_aad(std::string_view format, Sha256 const& base, Sha256 const& result) -> Bytes;
/// AAD of a part of a file that a device keeps: "rest", NUL, offset, NUL, length, in decimal.
auto rest_aad(uint64_t offset, uint64_t length) -> Bytes;

/// AAD of a record that a device keeps in the open, as the seal beside it binds it: "record", NUL,
/// name, NUL, text.
auto record_aad(std::string_view name, std::string_view text) -> Bytes;

/// An X25519 key pair for receiving content keys. Private key stored as PKCS#8 PEM.
class SealingKey {
 public:
  static auto generate() -> SealingKey { return SealingKey(Secret::generate()); }
  static auto from_pem(std::string_view pem) -> Result<SealingKey>;
  auto pem() const -> std::string;
  auto public_bytes() const -> Bytes;  // 32
  /// `denied` when it was not wrapped to this key, for this receiver and this artifact.
  auto unwrap(WrappedKey const& wrapped, std::string_view receiver, Sha256 const& artifact) const
      -> Result<ContentKey>;

 private:
  explicit SealingKey(Secret const& raw) : raw_(raw) {}
  Secret raw_;
};

/// Wraps to a receiver's X25519 public key. info = "godwit/v1/cek" NUL receiver (a device id, or
/// "server"); aad = SHA-256 of the sealed artifact.
auto wrap_key(ContentKey const& key, ByteView receiver_public32, std::string_view receiver,
              Sha256 const& artifact) -> Result<WrappedKey>;

/// Who wrapped keys are for when they go to a server with `release push`.
constexpr std::string_view kServerReceiver = "server";
/// A key that was wrapped to the server, wrapped to a device.
auto rewrap_key(SealingKey const& server, WrappedKey const& wrapped, ByteView device_public32,
                DeviceId const& device, Sha256 const& artifact) -> Result<WrappedKey>;

}  // namespace godwit::proto
