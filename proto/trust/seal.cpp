#include "proto/trust/seal.h"

#include <algorithm>

#include "proto/trust/floe.h"

namespace godwit::proto {
namespace {

constexpr FloeParameters kParameters = {.segment_bytes = kSealedSegmentBytes, .rotation_bits = 20};

/// Fields that hold no NUL themselves, joined by NUL: no two lists give the same bytes.
auto join_fields(std::initializer_list<std::string_view> fields) -> Bytes {
  Bytes out;
  for (auto field : fields) {
    if (!out.empty()) out.push_back(0);
    out.insert(out.end(), field.begin(), field.end());
  }
  return out;
}

auto secret_of(ContentKey const& key) -> Secret {
  return *Secret::from_bytes(key.bytes());
}

}  // namespace

auto ContentKey::from_bytes(ByteView raw32) -> Result<ContentKey> {
  TRY(auto raw, Secret::from_bytes(raw32).within("content key"));
  return ContentKey(raw);
}

auto sealed_length(uint64_t plain_length) -> uint64_t {
  uint64_t const full = kParameters.segment_bytes - kFloeOverheadBytes;
  uint64_t const segments = std::max<uint64_t>(1, plain_length / full + (plain_length % full != 0));
  return kFloeHeaderBytes + segments * kFloeOverheadBytes + plain_length;
}

struct Unsealer::State {
  FloeReader reader;
};
Unsealer::Unsealer(ContentKey const& key, ByteView aad)
    : state_(new State{FloeReader(kParameters, secret_of(key), aad)}) {}
Unsealer::~Unsealer() = default;
Unsealer::Unsealer(Unsealer&&) noexcept = default;
auto Unsealer::operator=(Unsealer&&) noexcept -> Unsealer& = default;
auto Unsealer::add(ByteView sealed, Bytes& plain) -> Result<> {
  return state_->reader.add(sealed, plain);
}
auto Unsealer::finish() const -> Result<> {
  return state_->reader.finish();
}

struct SegmentOpener::State {
  FloeMessage message;
  uint64_t segments;
  uint64_t last_bytes;  // sealed, of the final segment
};
SegmentOpener::SegmentOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
SegmentOpener::~SegmentOpener() = default;
SegmentOpener::SegmentOpener(SegmentOpener&&) noexcept = default;
auto SegmentOpener::operator=(SegmentOpener&&) noexcept -> SegmentOpener& = default;

auto SegmentOpener::open(ContentKey const& key, ByteView aad, ByteView header,
                         uint64_t sealed_bytes) -> Result<SegmentOpener> {
  static_assert(kSealedHeaderBytes == kFloeHeaderBytes &&
                kSealedOverheadBytes == kFloeOverheadBytes);
  TRY(auto message, FloeMessage::open(kParameters, secret_of(key), aad, header));
  if (sealed_bytes < kFloeHeaderBytes + kFloeOverheadBytes)
    return denied("the sealed bytes end before the final segment");
  uint64_t const body = sealed_bytes - kFloeHeaderBytes;
  uint64_t const segments = (body + kParameters.segment_bytes - 1) / kParameters.segment_bytes;
  uint64_t const last = body - (segments - 1) * kParameters.segment_bytes;
  if (last < kFloeOverheadBytes) return denied("a sealed segment of the wrong length");
  return SegmentOpener(std::unique_ptr<State>(new State{std::move(message), segments, last}));
}

auto SegmentOpener::plain_bytes() const -> uint64_t {
  auto const full = state_->message.plain_bytes_max();
  return (state_->segments - 1) * full + state_->last_bytes - kFloeOverheadBytes;
}

auto SegmentOpener::segments() const -> uint64_t {
  return state_->segments;
}

auto SegmentOpener::segment(uint64_t number) const -> Segment {
  CHECK(number < state_->segments);
  bool const last = number + 1 == state_->segments;
  return {.number = number,
          .sealed_offset = kFloeHeaderBytes + number * kParameters.segment_bytes,
          .sealed_bytes = last ? state_->last_bytes : kParameters.segment_bytes,
          .plain_offset = number * state_->message.plain_bytes_max()};
}

auto SegmentOpener::segment_at(uint64_t plain_offset) const -> Segment {
  CHECK(plain_offset < plain_bytes());
  return segment(plain_offset / state_->message.plain_bytes_max());
}

auto SegmentOpener::open_segment(Segment const& segment, ByteView sealed, Bytes& plain)
    -> Result<> {
  return state_->message.open_segment(segment.number, segment.number + 1 == state_->segments,
                                      sealed, plain);
}

auto SegmentOpener::open_segment_into(Segment const& segment, ByteView sealed,
                                      std::span<uint8_t> plain) -> Result<> {
  return state_->message.open_segment_into(segment.number, segment.number + 1 == state_->segments,
                                           sealed, plain);
}

struct Sealer::State {
  FloeWriter writer;
};
Sealer::Sealer(ContentKey const& key, ByteView aad)
    : state_(new State{FloeWriter(kParameters, secret_of(key), aad)}) {}
Sealer::~Sealer() = default;
Sealer::Sealer(Sealer&&) noexcept = default;
auto Sealer::operator=(Sealer&&) noexcept -> Sealer& = default;
void Sealer::add(ByteView plain, Bytes& sealed) {
  state_->writer.add(plain, sealed);
}
void Sealer::finish(Bytes& sealed) {
  state_->writer.finish(sealed);
}

auto seal(ContentKey const& key, ByteView aad, ByteView plain) -> Bytes {
  Bytes sealed;
  sealed.reserve(sealed_length(plain.size()));
  Sealer sealer(key, aad);
  sealer.add(plain, sealed);
  sealer.finish(sealed);
  return sealed;
}

auto unseal(ContentKey const& key, ByteView aad, ByteView sealed) -> Result<Bytes> {
  Bytes plain;
  plain.reserve(sealed.size());
  Unsealer unsealer(key, aad);
  TRY_VOID(unsealer.add(sealed, plain));
  TRY_VOID(unsealer.finish());
  return plain;
}

auto release_aad(std::string_view path, Sha256 const& plain, uint64_t plain_length) -> Bytes {
  return join_fields({path, plain.hex(), std::to_string(plain_length)});
}

auto delta_aad(std::string_view format, Sha256 const& base, Sha256 const& result) -> Bytes {
  return join_fields({"delta", format, base.hex(), result.hex()});
}

auto rest_aad(uint64_t offset, uint64_t length) -> Bytes {
  return join_fields({"rest", std::to_string(offset), std::to_string(length)});
}

auto record_aad(std::string_view name, std::string_view text) -> Bytes {
  return join_fields({"record", name, text});
}

}  // namespace godwit::proto
