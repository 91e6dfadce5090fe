#include "server/service/delta_worker.h"

#include "proto/base/limits.h"
#include "proto/format/container.h"
#include "proto/format/patch.h"
#include "server/delta/delta.h"
#include "server/delta/tables/find_pairs.h"
#include "server/domain/rollout.h"
#include "server/service/core.h"
#include "server/storage/delta_queue.h"

namespace godwit::server {
namespace {

/// After a try that failed, and after the second: a full disk takes somebody a while.
constexpr int64_t kTryAgainMs[] = {30'000, 300'000};
constexpr uint64_t kSearchedBytesMax = 16u << 20;
constexpr uint64_t kWorkingBytes = 32u << 20;  // coders' models, samples, bzip2

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

/// BSDIFF40 is for decoders of which nothing is known: streams of level 1 need 0.5 MB each,
/// not 3.7.
auto options_for(std::string_view format) -> delta::PatchOptions {
  if (format == "bsdiff") return {.format = proto::PatchFormat::bsdiff, .bzip2_level = 1};
  if (format == "godwit-small") return {.profile = proto::Profile::weights_small};
  if (format == "godwit-fast") return {.profile = proto::Profile::weights_fast};
  return {.profile = proto::Profile::weights_large};
}

/// Both files, and what is known of them.
struct Contents {
  Bytes old_file;
  Bytes new_file;
  delta::FoundPairs found;
};

auto read_contents(Core const& core, Pair const& pair) -> Result<Contents> {
  Contents contents;
  TRY(contents.old_file, plaintext_of(core, pair.from).within(pair.from.version));
  TRY(contents.new_file, plaintext_of(core, pair.to).within(pair.to.version));
  contents.found = delta::find_pairs(contents.old_file, contents.new_file);
  return contents;
}

/// What making one takes: both files, the patch in its pieces and as a whole, and for what is
/// searched the suffix array and its text.
auto memory_bytes(Pair const& pair, delta::Searched const& searched) -> uint64_t {
  return pair.from.plain_size_bytes + 3 * pair.to.plain_size_bytes + 5 * searched.old_bytes +
         searched.new_bytes + kWorkingBytes;
}

/// What moved about inside tensors is found where bytes are searched for, as bsdiff does. That
/// takes as long as bsdiff, so only for files of this size.
auto searches_all(std::string_view format, Contents const& contents) -> bool {
  return format == "bsdiff" || (format == "godwit" && !contents.found.pairs.empty() &&
                                contents.new_file.size() <= kSearchedBytesMax);
}

auto searched_for(std::string_view format, Contents const& contents) -> delta::Searched {
  auto const& [old_file, new_file, found] = contents;
  if (searches_all(format, contents))
    return {.old_bytes = old_file.size(), .new_bytes = new_file.size()};
  return delta::searched_bytes(old_file, new_file, found);
}

/// Called where others may go on meanwhile.
using Pace = std::function<void()>;

auto make_checked_patch(Delta const& delta, Pair const& pair, Contents const& contents,
                        Pace const& pace) -> Result<Bytes> {
  auto const& [old_file, new_file, found] = contents;
  auto const on_percent = [&pace](uint32_t) {
    if (pace) pace();
  };
  auto options = options_for(delta.format);
  options.on_percent = on_percent;
  TRY(auto patch, delta::make_patch_of(old_file, new_file, found, options));
  if (delta.format == "godwit" && searches_all(delta.format, contents)) {
    TRY(auto other,
        delta::make_patch(old_file, new_file,
                          {.profile = proto::Profile::bytes, .on_percent = on_percent}));
    if (other.size() < patch.size()) patch = std::move(other);
  }
  // Nothing is published that has not been applied by the code that devices run.
  TRY(auto const result, proto::applied_sha256(old_file, patch, {}));
  if (result != pair.to.plain_sha256) return internal("the patch does not make the new release");
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
  delta.patch_version = info.container->version;
  delta.patch_ram_bytes = info.container->ram_bytes;
  return {};
}

auto reject(Delta& delta, std::string reason) -> Result<> {
  delta.state = DeltaState::rejected;
  delta.reason = std::move(reason);
  return {};
}

/// Why it is not made, if it would take more memory than is given.
auto too_large_because(Core const& core, uint64_t bytes) -> std::optional<std::string> {
  auto const limit = core.config.delta_memory_bytes_max;
  if (bytes <= limit) return std::nullopt;
  return "making it would take " + std::to_string(bytes >> 20) + " MiB, the limit is " +
         std::to_string(limit >> 20) + " MiB";
}

/// The patch; nothing when the delta was rejected for the memory that it would take.
auto make_patch_within_memory(Core& core, Delta& delta, Pair const& pair, Pace const& pace)
    -> Result<std::optional<Bytes>> {
  auto reason = too_large_because(core, memory_bytes(pair, {}));
  if (!reason) {
    TRY(auto const contents, read_contents(core, pair));
    reason = too_large_because(core, memory_bytes(pair, searched_for(delta.format, contents)));
    if (!reason) {
      TRY(auto patch, make_checked_patch(delta, pair, contents, pace));
      return std::optional(std::move(patch));
    }
  }
  TRY_VOID(reject(delta, *std::move(reason)));
  return std::optional<Bytes>();
}

/// Fills in what came of it: ready, or rejected because the full release is hardly larger.
auto make(Core& core, Delta& delta, Pair const& pair, Pace const& pace) -> Result<> {
  TRY(auto const made, make_patch_within_memory(core, delta, pair, pace));
  if (!made) return {};
  auto const& patch = *made;
  TRY_VOID(describe(delta, patch));
  auto const key = proto::ContentKey::generate();
  auto const sealed = sealed_delta(key, delta, pair, patch);
  delta.size_bytes = sealed.size();
  if (auto reason = delta_rejected_because(sealed.size(), delta.full_size_bytes))
    return reject(delta, *std::move(reason));
  auto const sha256 = proto::sha256(sealed);
  TRY(delta.key,
      proto::wrap_key(key, core.sealing_key.public_bytes(), proto::kServerReceiver, sha256));
  TRY_VOID(store_artifact(core, sealed, sha256));
  delta.sha256 = sha256;
  delta.state = DeltaState::ready;
  return {};
}

auto make_of_pair(Core& core, Delta& delta, Pace const& pace) -> Result<> {
  TRY(auto const pair, core.database->transact([&](Tx& tx) -> Result<Pair> {
    TRY(auto from, require_release(tx, delta.model, delta.from));
    TRY(auto to, require_release(tx, delta.model, delta.to));
    return Pair{std::move(from), std::move(to)};
  }));
  return make(core, delta, pair, pace);
}

/// Old files give way to the new one.
auto trim_cache(Core& core) -> Result<> {
  TRY(auto const files, core.database->transact([&](Tx& tx) -> Result<std::vector<Sha256>> {
    return store::drop_deltas(tx, core.config.delta_cache_bytes_max);
  }));
  for (auto const& file : files) TRY_VOID(core.artifacts.remove(file));
  return {};
}

auto named(Delta const& delta) -> std::string {
  return "the delta " + delta.from + " -> " + delta.to + " (" + delta.format + ")";
}

void tell_failed(Tx& tx, Delta const& delta, int64_t now_ms) {
  store::tell_rollouts(tx, delta, named(delta) + " failed, full releases are sent: " + delta.reason,
                       now_ms);
}

/// Stored unless the lease was lost: then another worker's word counts.
auto finish(Core& core, Delta const& delta) -> Result<> {
  return core.database->transact([&](Tx& tx) -> Result<> {
    bool const kept = store::finish_delta(tx, delta, core.now_ms());
    if (kept && delta.state == DeltaState::failed) tell_failed(tx, delta, core.now_ms());
    return {};
  });
}

void note_failure(Delta& delta, Error const& error, int64_t now_ms) {
  delta.reason = error.what;
  delta.failed_at_ms = now_ms;
  delta.state = DeltaState::failed;
  if (delta.tries >= DeltaWorker::kTriesMax) return;
  delta.state = DeltaState::pending;
  delta.next_try_at_ms = now_ms + kTryAgainMs[delta.tries - 1];
}

}  // namespace

auto DeltaWorker::take() -> Result<std::optional<Delta>> {
  auto const now = core_.now_ms();
  TRY_VOID(core_.database->transact([&](Tx& tx) -> Result<> {
    for (auto const& failed : store::fail_abandoned_deltas(tx, kTriesMax, now))
      tell_failed(tx, failed, now);
    return {};
  }));
  TRY(auto taken, core_.database->transact([&](Tx& tx) -> Result<std::optional<Delta>> {
    return store::take_delta(tx, now, kLeaseMs);
  }));
  std::lock_guard const lock(mutex_);
  in_hand_ = taken;
  renew_at_ms_ = now + kLeaseMs / 4;
  return taken;
}

auto DeltaWorker::renew_lease() -> Result<> {
  std::optional<Delta> held;
  auto const now = core_.now_ms();
  {
    std::lock_guard const lock(mutex_);
    if (!in_hand_ || now < renew_at_ms_) return {};
    renew_at_ms_ = now + kLeaseMs / 4;
    held = in_hand_;
  }
  return core_.database->transact([&](Tx& tx) -> Result<> {
    store::renew_lease(tx, *held, now, kLeaseMs);  // lost: finishing it will see that
    return {};
  });
}

auto DeltaWorker::make_one(Pace const& pace) -> Result<bool> {
  TRY(auto taken, take());
  if (!taken) return false;
  auto& delta = *taken;
  delta.reason.clear();  // of a try before
  auto const begin_ms = core_.clock.monotonic_ms();
  auto const made = make_of_pair(core_, delta, pace);
  delta.seconds = static_cast<double>(core_.clock.monotonic_ms() - begin_ms) / 1000;
  if (!made) note_failure(delta, made.error(), core_.now_ms());
  auto const finished = finish(core_, delta);
  {
    std::lock_guard const lock(mutex_);
    in_hand_.reset();
  }
  TRY_VOID(finished);
  if (!made) return Error(made.error()).within(named(delta));
  TRY_VOID(trim_cache(core_));
  return true;
}

}  // namespace godwit::server
