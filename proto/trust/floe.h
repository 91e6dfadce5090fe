// FLOE (c2sp.org/FLOE; github.com/Snowflake-Labs/floe-specification), AEAD AES-256-GCM, KDF
// HKDF-Expand-SHA-384, IV of 32 bytes, for any length of segments. seal.h fixes the parameters.
#pragma once

#include <optional>

#include "proto/trust/primitives.h"

namespace godwit::proto {

struct FloeParameters {
  uint32_t segment_bytes = 4096;  // of a sealed segment
  uint32_t rotation_bits = 20;    // a derived key serves so many segments, as a power of two
};

constexpr size_t kFloeHeaderBytes = 10 + 32 + 32;  // parameters, IV, tag
constexpr size_t kFloeOverheadBytes = 4 + AesGcm::kNonceBytes + AesGcm::kTagBytes;
constexpr uint32_t kFloeNotFinal = 0xffffffff;  // in place of the length

/// The keys of one message: seals or opens its segments in any order.
class FloeMessage {
 public:
  /// Starts a message under a fresh IV and appends its header.
  static auto start(FloeParameters const& parameters, Secret const& key, ByteView aad,
                    Bytes& header) -> FloeMessage;
  /// `denied` when the header was not made with this key, AAD and parameters.
  static auto open(FloeParameters const& parameters, Secret const& key, ByteView aad,
                   ByteView header) -> Result<FloeMessage>;

  auto plain_bytes_max() const -> size_t { return parameters_.segment_bytes - kFloeOverheadBytes; }
  auto segment_bytes() const -> size_t { return parameters_.segment_bytes; }
  void seal_segment(uint64_t position, bool final, ByteView plain, Bytes& out);
  auto open_segment(uint64_t position, bool final, ByteView segment, Bytes& out) -> Result<>;
  /// Fills `out`, which has the length of the segment's plaintext.
  auto open_segment_into(uint64_t position, bool final, ByteView segment, std::span<uint8_t> out)
      -> Result<>;

 private:
  FloeMessage(FloeParameters const& parameters, Secret const& key, ByteView aad, ByteView iv);
  auto check_length(uint64_t position, bool final, ByteView segment) const -> Result<>;
  auto derive(ByteView key, ByteView purpose, size_t length) const -> Bytes;
  auto cipher(uint64_t position) -> AesGcm&;

  FloeParameters parameters_;
  Bytes aad_;
  Bytes iv_;
  Bytes header_tag_;
  SecretBytes<48> message_key_;
  std::optional<AesGcm> cipher_;
  uint64_t cipher_position_ = 0;  // first position that cipher_ serves
};

/// Sealed bytes in, in any pieces; plaintext out, in whole segments. Fails for good at the first
/// error.
class FloeReader {
 public:
  FloeReader(FloeParameters const& parameters, Secret const& key, ByteView aad);
  auto add(ByteView sealed, Bytes& plain) -> Result<>;
  auto finish() const -> Result<>;

 private:
  enum class Part { header, length, segment, end, failed };
  auto take_part(Bytes& plain) -> Result<>;
  auto take_length() -> Result<>;

  FloeParameters parameters_;
  Secret key_;
  Bytes aad_;
  std::optional<FloeMessage> message_;
  Part part_ = Part::header;
  size_t wanted_ = kFloeHeaderBytes;  // bytes of this part, those in buffer_ included
  Bytes buffer_;
  bool final_ = false;
  uint64_t position_ = 0;
};

/// Plaintext in, sealed bytes out.
class FloeWriter {
 public:
  FloeWriter(FloeParameters const& parameters, Secret const& key, ByteView aad);
  void add(ByteView plain, Bytes& sealed);
  void finish(Bytes& sealed);  // once

 private:
  Bytes header_;  // until it is written
  FloeMessage message_;
  Bytes buffer_;
  uint64_t position_ = 0;
};

}  // namespace godwit::proto
