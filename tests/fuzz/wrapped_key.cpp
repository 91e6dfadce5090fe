// A content key wrapped by HPKE: any other bytes than those that were wrapped open nothing. Input:
// the KEM's share and the ciphertext, or a JSON document of both.
#include "proto/trust/seal.h"

namespace {

using namespace godwit;
using namespace godwit::proto;

/// The PKCS#8 form of an X25519 key of 32 equal bytes.
auto a_key() -> SealingKey {
  return *SealingKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VuBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
      "-----END PRIVATE KEY-----\n");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  static auto const key = a_key();
  ByteView const bytes(data, size);
  if (size > kWrappedEncBytes) {
    WrappedKey const wrapped{Bytes(data, data + kWrappedEncBytes),
                             Bytes(data + kWrappedEncBytes, data + size)};
    CHECK(!key.unwrap(wrapped, "cam-1", Sha256()));
  }
  auto const json = Json::parse(as_text(bytes));
  if (!json) return 0;
  auto const wrapped = parse_wrapped_key(*json);
  if (!wrapped) return 0;
  CHECK(wrapped->enc.size() == kWrappedEncBytes && wrapped->ct.size() == kWrappedCtBytes);
  CHECK(!key.unwrap(*wrapped, "cam-1", Sha256()));
  return 0;
}
