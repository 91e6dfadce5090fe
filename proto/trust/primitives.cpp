#include "proto/trust/primitives.h"

#include <openssl/hmac.h>

#include "proto/trust/evp.h"

namespace godwit::proto {
namespace {

auto digest_of(Hash hash) -> EVP_MD const* {
  return hash == Hash::sha256 ? EVP_sha256() : EVP_sha384();
}

auto hmac(Hash hash, ByteView key, ByteView message) -> Bytes {
  static constexpr uint8_t kNothing = 0;  // libcrypto takes a null key for "the same as before"
  auto const* digest = digest_of(hash);
  Bytes out(static_cast<size_t>(EVP_MD_get_size(digest)));
  CHECK(key.size() <= INT_MAX);
  CHECK(HMAC(digest, key.empty() ? &kNothing : key.data(), static_cast<int>(key.size()),
             message.data(), message.size(), out.data(), nullptr));
  return out;
}

}  // namespace

auto hkdf_extract(Hash hash, ByteView salt, ByteView input) -> Bytes {
  return hmac(hash, salt, input);
}

auto hkdf_expand(Hash hash, ByteView key, ByteView info, size_t length) -> Result<Bytes> {
  auto const block = static_cast<size_t>(EVP_MD_get_size(digest_of(hash)));
  if (length > 255 * block) return invalid("HKDF gives no key of that length");
  Bytes out;
  Bytes previous;
  for (uint8_t counter = 1; out.size() < length; ++counter) {
    Bytes message = previous;
    message.insert(message.end(), info.begin(), info.end());
    message.push_back(counter);
    previous = hmac(hash, key, message);
    out.insert(out.end(), previous.begin(), previous.end());
    cleanse(message);
  }
  cleanse(std::span(out).subspan(length));
  out.resize(length);
  cleanse(previous);
  return out;
}

struct AesGcm::State {
  OwnedCipher context{EVP_CIPHER_CTX_new()};

  void start(ByteView nonce, ByteView aad, int encrypt) {
    int written = 0;
    CHECK(nonce.size() == kNonceBytes && aad.size() <= INT_MAX);
    CHECK(EVP_CipherInit_ex(context.get(), nullptr, nullptr, nullptr, nonce.data(), encrypt) == 1);
    CHECK(aad.empty() || EVP_CipherUpdate(context.get(), nullptr, &written, aad.data(),
                                          static_cast<int>(aad.size())) == 1);
  }
  void update(ByteView in, uint8_t* out) {
    int written = 0;
    CHECK(in.size() <= INT_MAX);
    CHECK(in.empty() || EVP_CipherUpdate(context.get(), out, &written, in.data(),
                                         static_cast<int>(in.size())) == 1);
  }
};

AesGcm::AesGcm(Secret const& key) : state_(std::make_unique<State>()) {
  CHECK(EVP_CipherInit_ex(state_->context.get(), EVP_aes_256_gcm(), nullptr, key.bytes.data(),
                          nullptr, 1) == 1);
}
AesGcm::~AesGcm() = default;
AesGcm::AesGcm(AesGcm&&) noexcept = default;
auto AesGcm::operator=(AesGcm&&) noexcept -> AesGcm& = default;

void AesGcm::seal(ByteView nonce, ByteView aad, ByteView plain, Bytes& out) {
  auto* context = state_->context.get();
  size_t const start = out.size();
  out.resize(start + plain.size() + kTagBytes);
  uint8_t* const tag = out.data() + start + plain.size();
  int written = 0;
  state_->start(nonce, aad, 1);
  state_->update(plain, out.data() + start);
  CHECK(EVP_CipherFinal_ex(context, tag, &written) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1);
}

auto AesGcm::open(ByteView nonce, ByteView aad, ByteView sealed, Bytes& out) -> Result<> {
  if (sealed.size() < kTagBytes) return denied("shorter than its tag");
  size_t const start = out.size();
  out.resize(start + sealed.size() - kTagBytes);
  auto opened = open_into(nonce, aad, sealed, std::span(out).subspan(start));
  if (!opened) out.resize(start);
  return opened;
}

auto AesGcm::open_into(ByteView nonce, ByteView aad, ByteView sealed, std::span<uint8_t> out)
    -> Result<> {
  if (sealed.size() < kTagBytes) return denied("shorter than its tag");
  auto* context = state_->context.get();
  auto const cipher = sealed.first(sealed.size() - kTagBytes);
  CHECK(out.size() == cipher.size());
  std::array<uint8_t, kTagBytes> tag;
  std::copy(sealed.end() - kTagBytes, sealed.end(), tag.begin());
  int written = 0;
  state_->start(nonce, aad, 0);
  state_->update(cipher, out.data());
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  uint8_t end[16];
  if (EVP_CipherFinal_ex(context, end, &written) == 1) return {};
  cleanse(out);
  return forget(denied("the tag does not hold"));
}

auto x25519_public(Secret const& private_key) -> std::array<uint8_t, 32> {
  return public_of(EVP_PKEY_X25519, private_key);
}

auto x25519(Secret const& private_key, ByteView public32) -> Result<Secret> {
  auto const own = open_private(EVP_PKEY_X25519, private_key);
  OwnedKey const peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, public32.data(), public32.size()));
  if (!peer) return forget(denied("not an X25519 public key"));
  OwnedKeyContext const context(EVP_PKEY_CTX_new(own.get(), nullptr));
  CHECK(context && EVP_PKEY_derive_init(context.get()) == 1);
  Secret shared;
  size_t size = shared.bytes.size();
  if (EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), shared.bytes.data(), &size) != 1 ||
      size != shared.bytes.size() || equal_constant_time(shared.bytes, Secret().bytes))
    return forget(denied("an X25519 public key of small order"));
  return shared;
}

}  // namespace godwit::proto
