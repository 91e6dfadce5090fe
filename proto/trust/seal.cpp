#include "proto/trust/seal.h"

#include <algorithm>

#include "proto/trust/floe.h"

namespace godwit::proto {
namespace {

constexpr FloeParameters kParameters = {.segment_bytes = 4096, .rotation_bits = 20};

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

}  // namespace godwit::proto
