// The work of each phase. Every function may be called again after an error or a power cut, and
// ends in exactly one move, or none while there is more to do.
#include <algorithm>

#include "agent/core/attempt.h"
#include "agent/core/records.h"
#include "proto/format/compress.h"
#include "proto/trust/digest.h"
#include "proto/wire/codes.h"

namespace godwit::agent {
namespace {

namespace codes = proto::codes;

constexpr uint64_t kRangeBytes = 256u << 10;
/// One slice of trial inferences: short enough that messages are answered in between.
constexpr int64_t kSliceMs = 50;
constexpr uint32_t kSliceInferencesMax = 64;
constexpr int64_t kNoInputYetMs = 10;

auto baselines_record(ModelName const& component) -> std::string {
  return "baselines." + component.str();
}

auto percent_of(uint64_t part, uint64_t whole) -> uint32_t {
  return whole == 0 ? 100 : static_cast<uint32_t>(std::min<uint64_t>(100, part * 100 / whole));
}

/// The part of the download that its byte `received` belongs to, and where in that part.
auto part_at(Artifact const& artifact, uint64_t received) -> std::pair<Sealed const*, uint64_t> {
  auto part = artifact.parts.begin();
  while (received >= part->length) {
    received -= part->length;
    ++part;
    CHECK(part != artifact.parts.end());
  }
  return {&*part, received};
}

/// Ranges end where sealed segments do: after a cut whole ones are kept.
auto range_bytes(Sealed const& part, uint64_t offset) -> uint64_t {
  auto const end = offset + kRangeBytes;
  if (end >= part.length) return part.length - offset;
  return kRangeBytes - (end - proto::kSealedHeaderBytes) % proto::kSealedSegmentBytes;
}

auto is_release(Plaintext const& plain, proto::ReleaseInfo const& release) -> bool {
  return plain.view().size() == release.plain_length &&
         proto::sha256(plain.view()) == release.plain_sha256;
}

/// Records of figures only: one that cannot be read compares with nothing.
auto load_baselines(Files const& files, ModelName const& component) -> Result<Baselines> {
  TRY(auto text, get_text_or_empty(files, baselines_record(component)));
  return decode_baselines(text).value_or({});
}

}  // namespace

auto Attempt::work_on_phase() -> Result<int64_t> {
  int64_t wait_ms = 0;
  switch (journal_.phase) {
    case Phase::downloading:
      TRY_VOID(download());
      break;
    case Phase::verifying:
      TRY_VOID(verify());
      break;
    case Phase::installing:
      TRY_VOID(install());
      break;
    case Phase::testing:
      TRY_VOID(self_test());
      break;
    case Phase::trial: {
      TRY(wait_ms, run_trial());
      break;
    }
    case Phase::confirming:
      TRY_VOID(confirm());
      break;
    case Phase::reverting:
      TRY_VOID(revert());
      break;
    case Phase::idle:
    case Phase::checking:
    case Phase::ended:
      break;  // Updater's, not work
  }
  return wait_ms;
}

auto Attempt::download() -> Result<> {
  auto const wanted = artifact();
  auto const length = wanted.length();
  TRY(auto received, downloaded_bytes(ports_.files));
  if (received > length) {
    TRY_VOID(discard_download(ports_.files));
    received = 0;
  }
  if (received < length) {
    auto const& [part, offset] = part_at(wanted, received);
    auto const size = range_bytes(*part, offset);
    auto piece = ports_.fetcher.range(part->sha256, offset, size);
    if (!piece && piece.error().code == Code::not_found && wanted.is_delta)
      return refuse_artifact(codes::kNetwork, piece.error().what);
    if (!piece) return retry(piece.error().what);
    if (piece->empty() || piece->size() > size) return retry("a range of the wrong size");
    TRY_VOID(append_download(ports_.files, received, *piece));
    received += piece->size();
  }
  journal_.report.bytes_received = journal_.bytes_before + received;
  journal_.report.percent = percent_of(received, length);
  return received == length ? move(journal_, Event::done) : Result<>();
}

/// False when it is not what it should be and the attempt has moved on.
auto Attempt::check_download(Artifact const& wanted) -> Result<bool> {
  TRY(auto received, downloaded_bytes(ports_.files));
  bool whole = received == wanted.length();
  if (whole) {
    TRY(whole, download_is_intact(ports_.files, wanted));
  }
  if (whole) return true;
  if (resumed_ || received < wanted.length()) {
    // What a power cut left in the file may never have come from the server.
    auto next = journal_;
    next.artifact.reset();
    TRY_VOID(start_download(std::move(next), Event::fell_back));
  } else {
    TRY_VOID(refuse_artifact(codes::kArtifactHash, "the download is damaged"));
  }
  return false;
}

auto Attempt::verify() -> Result<> {
  auto wanted = artifact();
  if (!download_checked_) {
    TRY(download_checked_, check_download(wanted));
    if (!download_checked_) return {};
  }
  if (wanted.is_delta) return patch(std::move(wanted));
  Plaintext plain;
  TRY(auto const verdict, open_release(wanted.parts.front(), plain));
  if (verdict.code != 0) return refuse_artifact(verdict.code, verdict.message);
  return check_plain(std::move(plain), /*patched=*/false);
}

/// An error is the storage's; a verdict with a code is the artifact's.
auto Attempt::open_release(Sealed const& wanted, Plaintext& plain) -> Result<Verdict> {
  auto const& release = *journal_.release->release;
  auto key = ports_.keys.unwrap(wanted.key, wanted.sha256);
  if (!key) return Verdict{codes::kDecrypt, key.error().what};
  auto opened = unseal_download(ports_.files, ports_.memory, *key, wanted.aad);
  if (!opened && opened.error().code == Code::internal) return std::move(opened).error();
  if (!opened) return Verdict{codes::kDecrypt, opened.error().what};
  if (release.encoding == "zstd") {
    TRY(plain, ports_.memory.take(release.plain_length));
    auto const expanded = proto::decompress_into(opened->view(), plain.bytes());
    if (!expanded) return Verdict{codes::kPlaintextHash, expanded.error().what};
  } else {
    plain = *std::move(opened);
  }
  if (!is_release(plain, release))
    return Verdict{codes::kPlaintextHash, "the plaintext is not the one that was signed"};
  return Verdict{};
}

/// One block a call.
auto Attempt::patch(Artifact wanted) -> Result<> {
  auto const& release = *journal_.release->release;
  if (!patching_) {
    auto const slot = held_in_slot(wanted.parts.front().base);
    if (!slot) return refuse_artifact(codes::kDeltaBase, "no slot holds the delta's base");
    patching_ = std::make_unique<Patching>(
        ports_, release.model, std::move(wanted), *slot,
        Patching::Limits{release.plain_length, settings_.bsdiff_block_bytes});
  }
  auto const whole = patching_->step();
  if (!whole && whole.error().code == Code::internal) return whole.error();
  if (!whole && whole.error().code == Code::denied)
    return refuse_artifact(codes::kDecrypt, whole.error().what);
  if (!whole) return refuse_artifact(codes::kDeltaBase, whole.error().what);
  journal_.report.percent = patching_->percent();
  if (!*whole) return {};
  auto plain = ports_.models.map(kPatchedFile);
  if (!plain && plain.error().code != Code::corrupt) return plain.error();
  if (!plain || !is_release(*plain, release))
    return refuse_artifact(codes::kPlaintextHash, "the plaintext is not the one that was signed");
  return check_plain(*std::move(plain), /*patched=*/true);
}

/// The last word before slots are touched: whether the engine can run it.
auto Attempt::check_plain(Plaintext plain, bool patched) -> Result<> {
  if (auto runs = ports_.installer.check(image_of(journal_), plain.view()); !runs)
    return refuse(proto::AttemptState::failed, codes::kModelInvalid, runs.error().what);
  if (!patched) plain_ = std::move(plain);
  auto next = journal_;
  next.patched = patched;
  next.report.message.clear();
  return move(std::move(next), Event::done);
}

auto Attempt::install() -> Result<> {
  auto const image = image_of(journal_);
  TRY_VOID(ports_.installer.back_up(image.component));
  if (journal_.patched) {
    // Gone when this is repeated: then the slot has it.
    if (ports_.models.size(kPatchedFile)) TRY_VOID(ports_.installer.adopt(image, kPatchedFile));
  } else if (plain_.view().empty() && held_in_slot(image.sha256) != Slot::other) {
    // The same bytes run already, as another release.
    TRY(plain_, ports_.installer.read(image.component, Slot::running));
  }
  if (!plain_.view().empty()) TRY_VOID(ports_.installer.write(image, plain_.view()));
  if (auto intact = ports_.installer.verify(image); !intact) {
    if (intact.error().code != Code::corrupt) return intact;
    return fail(codes::kInstall, intact.error().what);
  }
  return move(journal_, Event::done);
}

auto Attempt::self_test() -> Result<> {
  auto const image = image_of(journal_);
  TRY(auto model, ports_.installer.read(image.component, Slot::other));
  auto tested = ports_.self_test.run(model.view());
  if (tested) return move(journal_, Event::done);
  auto const& error = tested.error();
  return fail(error.code == Code::corrupt ? codes::kSelfTest : codes::kSelfTestCrash, error.what);
}

auto Attempt::start_trial() -> Result<> {
  auto const image = image_of(journal_);
  auto active = ports_.installer.activate(image);
  // The trial's starts were used up, and the slots went back by themselves.
  if (!active && active.error().code == Code::not_found)
    return fail(codes::kTrialCrash, active.error().what);
  if (!active) return active;
  TRY(auto model, ports_.installer.read(image.component, Slot::running));
  if (auto loaded = load_model(image.component, std::move(model)); !loaded)
    return fail(codes::kInstall, loaded.error().what);
  trial_runs_ = true;
  trial_began_ms_ = ports_.clock.monotonic_ms();
  return {};
}

auto Attempt::run_trial() -> Result<int64_t> {
  if (!trial_runs_) {
    TRY_VOID(start_trial());
    return int64_t{0};
  }
  auto const image = image_of(journal_);
  auto const soak = journal_.release->release->gate.soak_inferences;
  auto const began_ms = ports_.clock.monotonic_ms();
  uint64_t done = ports_.runner.health(image.component).inferences;
  bool starved = false;
  for (uint32_t i = 0; i < kSliceInferencesMax && done < soak && !starved; ++i) {
    auto ran = ports_.runner.run(image.component, 1);
    if (!ran) {
      TRY_VOID(fail(codes::kGateErrors, ran.error().what));
      return int64_t{0};
    }
    starved = *ran == 0;
    done += *ran;
    if (ports_.clock.monotonic_ms() - began_ms >= kSliceMs) break;
  }
  journal_.report.percent = percent_of(done, soak);
  if (done >= soak) {
    TRY_VOID(end_trial());
    return int64_t{0};
  }
  if (ports_.clock.monotonic_ms() - trial_began_ms_ > settings_.trial_ms_max) {
    TRY_VOID(fail(codes::kTrialTimeout, "too few inferences in the time of a trial"));
    return int64_t{0};
  }
  return starved ? kNoInputYetMs : 0;
}

auto Attempt::end_trial() -> Result<> {
  auto const image = image_of(journal_);
  auto health = ports_.runner.health(image.component);
  TRY(auto baselines, load_baselines(ports_.files, image.component));
  auto const held = ports_.installer.identify(image.component);
  if (held.other) {
    auto const before = baselines.find(held.other->plain_sha256);
    if (before != baselines.end()) compare(before->second, health);
  }
  auto const verdict = judge(journal_.release->release->gate, health);
  journal_.report.health = std::move(health);
  if (verdict.code != 0) return fail(verdict.code, verdict.message);
  return move(journal_, Event::done);
}

auto Attempt::confirm() -> Result<> {
  auto const image = image_of(journal_);
  TRY(auto baselines, load_baselines(ports_.files, image.component));
  auto const held = ports_.installer.identify(image.component);
  std::erase_if(baselines, [&](auto const& entry) {
    return !held.other || entry.first != held.other->plain_sha256;
  });
  if (journal_.report.health)
    baselines.insert_or_assign(image.sha256, baseline_of(*journal_.report.health));
  TRY_VOID(
      put_record(ports_.files, baselines_record(image.component), as_bytes(encode(baselines))));
  if (auto confirmed = ports_.installer.confirm(image); !confirmed) {
    if (confirmed.error().code == Code::conflict) return give_up_confirming(confirmed.error().what);
    return confirmed;
  }
  if (!trial_runs_) TRY_VOID(load_running(image.component));
  auto next = journal_;
  next.outcome = proto::AttemptState::succeeded;
  next.report.percent = 100;
  return move(std::move(next), Event::done);
}

auto Attempt::revert() -> Result<> {
  auto const image = image_of(journal_);
  TRY_VOID(ports_.installer.restore(image));
  TRY_VOID(load_running(image.component));
  trial_runs_ = false;
  return move(journal_, Event::done);
}

}  // namespace godwit::agent
