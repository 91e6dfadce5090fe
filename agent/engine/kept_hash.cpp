// The hash of what was packed, apart from loading, which needs no library for it.
#include <algorithm>

#include "agent/engine/engine.h"
#include "agent/engine/kept.h"
#include "proto/trust/digest.h"

namespace godwit::engine {
namespace {

constexpr size_t kHashAt = kKeptHeadBytes - sizeof(Sha256::bytes);

}  // namespace

auto keep(Engine const& engine) -> Kept {
  auto head = engine.kept_head();
  CHECK(head.size() <= kHashAt);
  head.resize(kHashAt);
  auto const hash = proto::sha256(engine.packed());
  head.insert(head.end(), hash.bytes.begin(), hash.bytes.end());
  return {std::move(head), engine.packed()};
}

auto check_kept(ByteView kept) -> Result<> {
  if (kept.size() < kKeptHeadBytes) return corrupt("what was kept of a model is cut off");
  auto const hash = proto::sha256(kept.subspan(kKeptHeadBytes));
  if (!std::equal(hash.bytes.begin(), hash.bytes.end(), kept.begin() + kHashAt))
    return corrupt("what was kept of a model is damaged");
  return {};
}

}  // namespace godwit::engine
