// Signed documents: parsed as every kind, and offered to a device. Nothing that is not signed by
// the keys it trusts may change what it holds.
#include "proto/trust/client.h"

namespace {

using namespace godwit;

/// A device that trusts the key which signed the targets among the seeds.
auto fresh_state() -> proto::TrustedState {
  auto const key = *proto::SigningKey::from_seed(Bytes(32, 1));
  proto::Root root;
  root.expires_s = 2'000'000'000;
  root.keys.emplace(key.public_key().id(), key.public_key());
  for (auto const* role : {"root", "targets", "snapshot", "timestamp"})
    root.roles.emplace(role, proto::Role{.key_ids = {key.public_key().id()}, .threshold = 1});
  return {.root = *proto::sign_document(proto::to_json(root), {key}), .targets = {}};
}

/// What was understood is written so that it is understood as the same again.
template <typename Body>
void check_round_trip(Result<Body> const& body, Result<Body> (*parse)(Json const&)) {
  if (!body) return;
  auto const written = proto::to_json(*body);
  auto const again = parse(written);
  CHECK(again && proto::to_json(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  static auto const trusted = fresh_state();
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const document = proto::SignedDocument::parse(text, 1u << 20);
  if (!document) return 0;
  check_round_trip(proto::parse_root(document->body()), proto::parse_root);
  check_round_trip(proto::parse_targets(document->body()), proto::parse_targets);
  auto state = trusted;
  CHECK(!proto::advance_root(state, text));
  auto const targets = proto::advance_targets(state, text, 1'900'000'000, nullptr);
  CHECK(targets ? state.targets == text : state.targets.empty());
  CHECK(state.root == trusted.root);
  return 0;
}
