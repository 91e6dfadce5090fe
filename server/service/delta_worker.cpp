#include "server/service/delta_worker.h"

#include "proto/base/limits.h"
#include "proto/format/container.h"
#include "proto/format/patch.h"
#include "server/delta/delta.h"
#include "server/delta/tables/find_pairs.h"
#include "server/domain/rollout.h"
#include "server/service/core.h"

namespace godwit::server {
namespace {

constexpr int64_t kLeaseMs = 15 * 60 * 1000;  // then another worker may take it
constexpr int kTriesMax = 3;

struct Pair {
  Release from;
  Release to;
};

auto sealed_delta(proto::ContentKey const& key, Delta const& delta, Pair const& pair,
                  ByteView patch) -> Bytes {
  auto const aad =
      proto::delta_aad(wire_format(delta.format), pair.from.plain_sha256, pair.to.plain_sha256);
  return proto::seal(key, aad, patch);
}

/// What making one takes: both files, the suffix array and its text, the patch, and its result.
auto memory_bytes(Pair const& pair) -> uint64_t {
  return 8 * pair.from.plain_size_bytes + 6 * pair.to.plain_size_bytes;
}

/// BSDIFF40 is for decoders of which nothing is known: streams of level 1 need 0.5 MB each,
/// not 3.7.
auto options_for(std::string_view format) -> delta::PatchOptions {
  if (format == "bsdiff") return {.format = proto::PatchFormat::bsdiff, .bzip2_level = 1};
  bool const small = format == "godwit-small";
  return {.profile = small ? proto::Profile::weights_small : proto::Profile::weights_large};
}

auto make_checked_patch(Core const& core, Delta const& delta, Pair const& pair) -> Result<Bytes> {
  TRY(auto const old_file, plaintext_of(core, pair.from).within(pair.from.version));
  TRY(auto const new_file, plaintext_of(core, pair.to).within(pair.to.version));
  auto const found = delta::find_pairs(old_file, new_file);
  TRY(auto patch, delta::make_patch_of(old_file, new_file, found, options_for(delta.format)));
  // Nothing is published that has not been applied by the code that devices run.
  TRY(auto const result, proto::apply_patch(old_file, patch, {}));
  if (proto::sha256(result) != pair.to.plain_sha256)
    return internal("the patch does not make the new release");
  return patch;
}

auto store_artifact(Core& core, ByteView sealed, Sha256 const& sha256) -> Result<> {
  TRY(auto upload, core.artifacts.begin(sha256));
  TRY_VOID(upload.add(sealed));
  TRY(auto const info, upload.commit());
  return core.database->transact([&](Tx& tx) -> Result<> {
    store::insert_artifact(tx, info, core.now_ms());
    store::set_artifact_kind(tx, info.sha256, "delta");
    return {};
  });
}

auto mode_of(uint16_t profile) -> std::string {
  switch (static_cast<proto::Profile>(profile)) {
    case proto::Profile::bytes:
      return "bytes";
    case proto::Profile::weights_small:
      return "weights, small";
    case proto::Profile::weights_large:
      return "weights, large";
    case proto::Profile::weights_fast:
      return "weights, fast";
  }
  return "profile " + std::to_string(profile);
}

/// What a device must be able to do to apply it, and what it is made of.
auto describe(Delta& delta, ByteView patch) -> Result<> {
  TRY(auto const info, proto::inspect_patch(patch, {}));
  delta.mode = "bytes";
  if (!info.container) return {};
  delta.mode = mode_of(info.container->profile);
  delta.patch_version = proto::kContainerVersion;
  delta.patch_ram_bytes = info.container->ram_bytes;
  return {};
}

/// Fills in what came of it: ready, or rejected because the full release is hardly larger.
auto make(Core& core, Delta& delta, Pair const& pair) -> Result<> {
  if (memory_bytes(pair) > core.config.delta_memory_bytes_max) {
    delta.state = DeltaState::rejected;
    delta.reason = "making it would take " + std::to_string(memory_bytes(pair) >> 20) +
                   " MiB, the limit is " +
                   std::to_string(core.config.delta_memory_bytes_max >> 20) + " MiB";
    return {};
  }
  TRY(auto const patch, make_checked_patch(core, delta, pair));
  TRY_VOID(describe(delta, patch));
  auto const key = proto::ContentKey::generate();
  auto const sealed = sealed_delta(key, delta, pair, patch);
  delta.size_bytes = sealed.size();
  if (auto reason = delta_rejected_because(sealed.size(), delta.full_size_bytes)) {
    delta.state = DeltaState::rejected;
    delta.reason = *std::move(reason);
    return {};
  }
  auto const sha256 = proto::sha256(sealed);
  TRY(delta.key,
      proto::wrap_key(key, core.sealing_key.public_bytes(), proto::kServerReceiver, sha256));
  TRY_VOID(store_artifact(core, sealed, sha256));
  delta.sha256 = sha256;
  delta.state = DeltaState::ready;
  return {};
}

/// Old files give way to the new one.
auto trim_cache(Core& core) -> Result<> {
  TRY(auto const files, core.database->transact([&](Tx& tx) -> Result<std::vector<Sha256>> {
    return store::drop_deltas(tx, core.config.delta_cache_bytes_max);
  }));
  for (auto const& file : files) TRY_VOID(core.artifacts.remove(file));
  return {};
}

/// Stored unless the lease was lost: then another worker's word counts.
auto finish(Core& core, store::TakenDelta const& taken) -> Result<> {
  return core.database->transact([&](Tx& tx) -> Result<> {
    bool const kept = store::finish_delta(tx, taken, core.now_ms());
    if (kept && taken.delta.state == DeltaState::failed)
      store::report_failed_delta(tx, taken.delta, core.now_ms());
    return {};
  });
}

}  // namespace

auto make_one_delta(Core& core) -> Result<bool> {
  std::optional<Pair> pair;
  TRY(auto taken, core.database->transact([&](Tx& tx) -> Result<std::optional<store::TakenDelta>> {
    auto row = store::take_delta(tx, core.now_ms(), kLeaseMs);
    if (!row) return row;
    TRY(auto from, require_release(tx, row->delta.model, row->delta.from));
    TRY(auto to, require_release(tx, row->delta.model, row->delta.to));
    pair = Pair{std::move(from), std::move(to)};
    return row;
  }));
  if (!taken) return false;
  auto& delta = taken->delta;
  auto const begin_ms = core.clock.monotonic_ms();
  auto const made = make(core, delta, *pair);
  delta.seconds = static_cast<double>(core.clock.monotonic_ms() - begin_ms) / 1000;
  if (!made) {
    delta.state = taken->tries < kTriesMax ? DeltaState::pending : DeltaState::failed;
    delta.reason = made.error().what;
  }
  TRY_VOID(finish(core, *taken));
  if (!made)
    return Error(made.error()).within(delta.format + " delta " + delta.from + " -> " + delta.to);
  TRY_VOID(trim_cache(core));
  return true;
}

}  // namespace godwit::server
