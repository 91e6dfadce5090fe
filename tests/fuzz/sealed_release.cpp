// A sealed release in the parameters of real ones, then what is inside its seal: nothing opens but
// what was sealed, and decompressing makes exactly the signed length. First byte: how it is cut.
#include <algorithm>

#include "proto/format/compress.h"
#include "proto/trust/seal.h"

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  using namespace godwit;
  using namespace godwit::proto;
  if (size < 3) return 0;
  auto const key = *ContentKey::from_bytes(Bytes(32, 7));
  auto const aad = as_bytes("fuzz");
  ByteView const rest(data + 3, size - 3);
  size_t const length = data[1] | data[2] << 8;
  if (data[0] & 1) {
    auto const plain = decompress(rest, length);
    if (plain) CHECK(plain->size() == length);
    return 0;
  }
  // The bytes are the plaintext of a good seal, which is then changed in one place.
  auto sealed = seal(key, aad, rest);
  CHECK(sealed.size() == sealed_length(rest.size()));
  CHECK(*unseal(key, aad, sealed) == Bytes(rest.begin(), rest.end()));
  sealed[length % sealed.size()] ^= 1;
  Bytes plain;
  Unsealer unsealer(key, aad);
  bool good = true;
  for (ByteView left = sealed; good && !left.empty();) {
    auto const piece = left.first(std::min<size_t>(left.size(), 1u + data[0]));
    good = static_cast<bool>(unsealer.add(piece, plain));
    left = left.subspan(piece.size());
  }
  CHECK(!good || !unsealer.finish());
  CHECK(std::equal(plain.begin(), plain.end(), rest.begin()));
  return 0;
}
