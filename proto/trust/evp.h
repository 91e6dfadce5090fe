// Ownership of libcrypto's objects, and raw 32-byte keys as PKCS#8 PEM. For the .cpp files of this
// folder alone: nobody else sees OpenSSL through proto/trust.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "proto/trust/digest.h"

namespace godwit::proto {

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
template <typename T, auto release>
using Owned = std::unique_ptr<T, Release<release>>;

using OwnedBio = Owned<BIO, BIO_free>;
using OwnedKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using OwnedKeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using OwnedDigest = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using OwnedCipher = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

/// Forgets libcrypto's queued errors: a TLS connection of this thread would take them for its own.
inline auto forget(Error error) -> Error {
  ERR_clear_error();
  return error;
}

/// For PEM readers: libcrypto would ask at the terminal for the password of an encrypted key.
auto no_password(char*, int, int, void*) -> int;

/// `type` is EVP_PKEY_ED25519 or EVP_PKEY_X25519, here and below.
auto open_private(int type, Secret const& raw) -> OwnedKey;
auto private_to_pem(int type, Secret const& raw) -> std::string;
/// `invalid` for anything but an unencrypted PKCS#8 key of that type.
auto private_from_pem(int type, std::string_view pem) -> Result<Secret>;
auto public_of(int type, Secret const& raw) -> std::array<uint8_t, 32>;

}  // namespace godwit::proto
