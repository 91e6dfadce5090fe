#include "proto/trust/floe.h"

#include <algorithm>

namespace godwit::proto {
namespace {

constexpr size_t kParameterBytes = 10;
constexpr size_t kIvBytes = 32;
constexpr size_t kHeaderTagBytes = 32;
constexpr uint64_t kSegmentsMax = 1ull << 40;

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// I2BE of the specification.
void append_big_endian(Bytes& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

auto encode(FloeParameters const& parameters) -> Bytes {
  Bytes out = {0, 0};  // AES-256-GCM, HKDF-Expand-SHA-384
  append_big_endian(out, parameters.segment_bytes, 4);
  append_big_endian(out, kIvBytes, 4);
  return out;
}

auto segment_aad(uint64_t position, bool final) -> Bytes {
  Bytes out;
  append_big_endian(out, position, 8);
  out.push_back(final ? 1 : 0);
  return out;
}

auto length_of(ByteView segment) -> uint32_t {
  return static_cast<uint32_t>(segment[0]) << 24 | static_cast<uint32_t>(segment[1]) << 16 |
         static_cast<uint32_t>(segment[2]) << 8 | segment[3];
}

}  // namespace

FloeMessage::FloeMessage(FloeParameters const& parameters, Secret const& key, ByteView aad,
                         ByteView iv)
    : parameters_(parameters), aad_(aad.begin(), aad.end()), iv_(iv.begin(), iv.end()) {
  header_tag_ = derive(key.bytes, as_bytes("HEADER_TAG:"), kHeaderTagBytes);
  auto raw = derive(key.bytes, as_bytes("MESSAGE_KEY:"), message_key_.bytes.size());
  message_key_ = *SecretBytes<48>::from_bytes(raw);
  cleanse(raw);
}

auto FloeMessage::derive(ByteView key, ByteView purpose, size_t length) const -> Bytes {
  auto info = encode(parameters_);
  append(info, iv_);
  append(info, purpose);
  append(info, aad_);
  return *hkdf_expand(Hash::sha384, key, info, length);
}

auto FloeMessage::start(FloeParameters const& parameters, Secret const& key, ByteView aad,
                        Bytes& header) -> FloeMessage {
  std::array<uint8_t, kIvBytes> iv;
  random_bytes(iv);
  FloeMessage message(parameters, key, aad, iv);
  append(header, encode(parameters));
  append(header, iv);
  append(header, message.header_tag_);
  return message;
}

auto FloeMessage::open(FloeParameters const& parameters, Secret const& key, ByteView aad,
                       ByteView header) -> Result<FloeMessage> {
  if (header.size() != kFloeHeaderBytes) return denied("a sealed header of the wrong length");
  auto const expected = encode(parameters);
  if (!std::equal(expected.begin(), expected.end(), header.begin()))
    return denied("sealed with other parameters");
  FloeMessage message(parameters, key, aad, header.subspan(kParameterBytes, kIvBytes));
  if (!equal_constant_time(message.header_tag_, header.last(kHeaderTagBytes)))
    return denied("sealed with another key, or for another use");
  return message;
}

auto FloeMessage::cipher(uint64_t position) -> AesGcm& {
  uint64_t const first = position >> parameters_.rotation_bits << parameters_.rotation_bits;
  if (!cipher_ || cipher_position_ != first) {
    auto purpose = to_bytes("DEK:");
    append_big_endian(purpose, first, 8);
    auto key = derive(message_key_.bytes, purpose, 32);
    cipher_.emplace(*Secret::from_bytes(key));
    cipher_position_ = first;
    cleanse(key);
  }
  return *cipher_;
}

void FloeMessage::seal_segment(uint64_t position, bool final, ByteView plain, Bytes& out) {
  CHECK(position < kSegmentsMax);
  CHECK(final ? plain.size() <= plain_bytes_max() : plain.size() == plain_bytes_max());
  std::array<uint8_t, AesGcm::kNonceBytes> nonce;
  random_bytes(nonce);
  append_big_endian(out, final ? plain.size() + kFloeOverheadBytes : kFloeNotFinal, 4);
  append(out, nonce);
  cipher(position).seal(nonce, segment_aad(position, final), plain, out);
}

auto FloeMessage::check_length(uint64_t position, bool final, ByteView segment) const -> Result<> {
  bool const fits =
      final ? segment.size() >= kFloeOverheadBytes && segment.size() <= parameters_.segment_bytes &&
                  length_of(segment) == segment.size()
            : segment.size() == parameters_.segment_bytes && length_of(segment) == kFloeNotFinal;
  if (!fits || position >= kSegmentsMax) return denied("a sealed segment of the wrong length");
  return {};
}

auto FloeMessage::open_segment(uint64_t position, bool final, ByteView segment, Bytes& out)
    -> Result<> {
  TRY_VOID(check_length(position, final, segment));
  size_t const start = out.size();
  out.resize(start + segment.size() - kFloeOverheadBytes);
  auto opened = open_segment_into(position, final, segment, std::span(out).subspan(start));
  if (!opened) out.resize(start);
  return opened;
}

auto FloeMessage::open_segment_into(uint64_t position, bool final, ByteView segment,
                                    std::span<uint8_t> out) -> Result<> {
  TRY_VOID(check_length(position, final, segment));
  return cipher(position)
      .open_into(segment.subspan(4, AesGcm::kNonceBytes), segment_aad(position, final),
                 segment.subspan(4 + AesGcm::kNonceBytes), out)
      .within("sealed segment " + std::to_string(position));
}

FloeReader::FloeReader(FloeParameters const& parameters, Secret const& key, ByteView aad)
    : parameters_(parameters), key_(key), aad_(aad.begin(), aad.end()) {}

auto FloeReader::add(ByteView sealed, Bytes& plain) -> Result<> {
  while (!sealed.empty()) {
    if (part_ == Part::failed) return denied("unsealing has failed before");
    if (part_ == Part::end) {
      part_ = Part::failed;
      return denied("bytes after the final sealed segment");
    }
    auto const piece = sealed.first(std::min(sealed.size(), wanted_ - buffer_.size()));
    append(buffer_, piece);
    sealed = sealed.subspan(piece.size());
    if (buffer_.size() < wanted_) break;
    if (auto taken = take_part(plain); !taken) {
      part_ = Part::failed;
      return taken;
    }
  }
  return {};
}

auto FloeReader::take_part(Bytes& plain) -> Result<> {
  if (part_ == Part::length) return take_length();
  if (part_ == Part::header) {
    TRY(auto message, FloeMessage::open(parameters_, key_, aad_, buffer_));
    message_ = std::move(message);
  } else {
    TRY_VOID(message_->open_segment(position_, final_, buffer_, plain));
    ++position_;
  }
  part_ = final_ ? Part::end : Part::length;
  wanted_ = 4;
  buffer_.clear();
  return {};
}

/// The first four bytes tell how long the segment is; they stay in the buffer as a part of it.
auto FloeReader::take_length() -> Result<> {
  uint32_t const length = length_of(buffer_);
  final_ = length != kFloeNotFinal;
  wanted_ = final_ ? length : parameters_.segment_bytes;
  if (wanted_ < kFloeOverheadBytes || wanted_ > parameters_.segment_bytes)
    return denied("a sealed segment of the wrong length");
  part_ = Part::segment;
  return {};
}

auto FloeReader::finish() const -> Result<> {
  if (part_ != Part::end) return denied("the sealed bytes end before the final segment");
  return {};
}

FloeWriter::FloeWriter(FloeParameters const& parameters, Secret const& key, ByteView aad)
    : message_(FloeMessage::start(parameters, key, aad, header_)) {}

void FloeWriter::add(ByteView plain, Bytes& sealed) {
  append(sealed, std::exchange(header_, {}));
  size_t const full = message_.plain_bytes_max();
  while (!plain.empty()) {
    // A full segment is written once more is known to follow: the last one is marked final.
    if (buffer_.size() == full) {
      message_.seal_segment(position_++, false, buffer_, sealed);
      buffer_.clear();
    }
    auto const piece = plain.first(std::min(plain.size(), full - buffer_.size()));
    append(buffer_, piece);
    plain = plain.subspan(piece.size());
  }
}

void FloeWriter::finish(Bytes& sealed) {
  append(sealed, std::exchange(header_, {}));
  message_.seal_segment(position_, true, buffer_, sealed);
  cleanse(buffer_);
  buffer_.clear();
}

}  // namespace godwit::proto
