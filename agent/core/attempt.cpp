// What moves an attempt: offers, refusals, restarts, and the journal behind every move.
#include "agent/core/attempt.h"

#include <algorithm>

#include "agent/core/sealed_record.h"
#include "proto/base/limits.h"
#include "proto/trust/digest.h"
#include "proto/wire/codes.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kJournalRecord = "journal";
constexpr size_t kMessageMax = 200;
constexpr int64_t kRepeatMsMin = 500;
constexpr int64_t kRepeatMsMax = 30'000;
/// Of one step in a row; with the delays between them about two minutes.
constexpr int kTriesMax = 10;

/// Errors may echo what others sent: the report stays short and printable.
auto printable(std::string_view text) -> std::string {
  std::string out(text.substr(0, kMessageMax));
  for (auto& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

auto on_trial(Journal const& journal, ModelName const& component) -> bool {
  return journal.component == component.str() &&
         (journal.phase == Phase::trial || journal.phase == Phase::confirming ||
          journal.phase == Phase::reverting);
}

/// A trial that no journal knows: enough of an image to take it back.
auto image_of(ModelName const& component, proto::ComponentReport const& report) -> Result<Image> {
  if (!report.running) return internal("a trial without a release");
  TRY(auto version, Version::parse(report.running->version));
  return Image{component, version, 0, 0, report.running->plain_sha256};
}

}  // namespace

/// One that cannot be read, or that this device did not write, is as none: what it was about is
/// taken back.
auto Attempt::load_journal() -> Result<> {
  auto const record = get_sealed_record(ports_.files, ports_.keys, kJournalRecord);
  if (!record && record.error().code != Code::denied) return record.error();
  if (!record) {
    last_error_ = record.error().what;
  } else if (!record->text.empty()) {
    auto decoded = decode_journal(record->text);
    if (!decoded) last_error_ = decoded.error().what;
    if (decoded) journal_ = *std::move(decoded);
    if (decoded && !record->sealed)
      TRY_VOID(put_sealed_record(ports_.files, ports_.keys, kJournalRecord, record->text));
  }
  // The installer's record was read before this one: no other is taken without a seal any more.
  return ports_.keys.seals_records() ? Result<>() : ports_.keys.begin_sealing_records();
}

auto Attempt::load() -> Result<> {
  TRY_VOID(load_journal());
  for (auto const& component : ports_.installer.components()) {
    TRY(auto standing, ports_.installer.begin(component));
    if (on_trial(journal_, component)) continue;
    if (standing == Installer::Standing::trial) {
      TRY(auto image, image_of(component, ports_.installer.identify(component)));
      TRY_VOID(ports_.installer.restore(image));
    }
    // A damaged release must not keep the agent from fetching a good one.
    if (auto loaded = load_running(component); !loaded) last_error_ = loaded.error().what;
  }
  if (!active(journal_.phase) || journal_.phase == Phase::checking) return {};
  if (journal_.moves < limits::kTransitionsPerAttemptMax) return move(journal_, Event::restart);
  auto const why = "stopped after " + std::to_string(journal_.moves) + " moves";
  if (cancellable(journal_.phase))
    return refuse(proto::AttemptState::failed, proto::codes::kInternal, why);
  if (journal_.phase == Phase::testing || journal_.phase == Phase::trial ||
      journal_.phase == Phase::installing)
    return fail(proto::codes::kInternal, why);
  return {};  // confirming and reverting are repeated until they are done
}

auto Attempt::load_running(ModelName const& component) -> Result<> {
  auto model = ports_.installer.read(component, Slot::running);
  if (!model) {
    ports_.runner.unload(component);
    if (model.error().code == Code::not_found) return {};
    return std::move(model).error();
  }
  return load_model(component, *std::move(model));
}

auto Attempt::load_model(ModelName const& component, Plaintext model) -> Result<> {
  auto const held = ports_.installer.identify(component);
  if (!held.running) return internal("nothing runs");
  // One that is not there, is damaged or is of another model costs time.
  auto kept = ports_.installer.read_kept(component);
  TRY_VOID(ports_.runner.load(component, {std::move(model), held.running->plain_sha256,
                                          kept ? *std::move(kept) : Plaintext()}));
  if (auto const made = ports_.runner.keep(component)) {
    auto written = ports_.installer.write_kept(component, *made);
    if (!written) last_error_ = written.error().what;
  }
  return {};
}

auto Attempt::finished(std::string const& component, AttemptNo attempt) const -> bool {
  auto const found = journal_.finished.find(component);
  return found != journal_.finished.end() && found->second == attempt;
}

auto Attempt::move(Journal next, Event event) -> Result<> {
  auto const to = agent::next(next.phase, event);
  CHECK(to);
  next.phase = *to;
  next.moves = std::min(next.moves + 1, limits::kTransitionsPerAttemptMax);
  if (auto const state = reported_as(*to)) {
    next.report.state = *state;
    next.reached = std::max(next.reached, *state);
  }
  if (*to == Phase::ended) {
    next.report.state = next.outcome;
    next.finished[next.component] = next.report.attempt;
    TRY(auto name, ModelName::parse(next.component));
    next.report.component = ports_.installer.identify(name);
  }
  TRY_VOID(put_sealed_record(ports_.files, ports_.keys, kJournalRecord, encode(next)));
  journal_ = std::move(next);
  tries_ = 0;
  last_error_.clear();
  if (!active(journal_.phase) || !cancellable(journal_.phase)) agreed_.reset();
  if (journal_.phase != Phase::installing) plain_ = Plaintext();
  patching_.reset();
  download_checked_ = false;
  if (journal_.phase == Phase::ended) {
    trial_runs_ = false;
    // Only space is lost if it stays: the next attempt discards it.
    auto discarded = discard_download(ports_.files);
    if (discarded) discarded = Patching::discard(ports_);
    if (!discarded) last_error_ = discarded.error().what;
  }
  return {};
}

auto Attempt::open(std::string const& component, AttemptNo attempt, uint32_t rev) -> Result<> {
  Journal next;
  next.phase = journal_.phase;
  next.finished = journal_.finished;
  next.component = component;
  next.report.attempt = attempt;
  next.report.rev = rev;
  next.report.state = proto::AttemptState::notified;
  return move(std::move(next), Event::offered);
}

auto Attempt::refuse(proto::AttemptState outcome, uint32_t code, std::string_view why) -> Result<> {
  return refuse(journal_, outcome, code, why);
}

auto Attempt::refuse(Journal next, proto::AttemptState outcome, uint32_t code, std::string_view why)
    -> Result<> {
  bool const late = next.reached > proto::AttemptState::downloading;
  next.outcome =
      outcome == proto::AttemptState::rejected && late ? proto::AttemptState::failed : outcome;
  next.report.code = code;
  next.report.message = printable(why);
  return move(std::move(next), Event::refused);
}

auto Attempt::fail(uint32_t code, std::string_view why) -> Result<> {
  auto next = journal_;
  // Only what was switched to is rolled back; before, the attempt just failed.
  next.outcome =
      next.phase == Phase::trial ? proto::AttemptState::rolled_back : proto::AttemptState::failed;
  next.report.code = code;
  next.report.message = printable(why);
  return move(std::move(next), Event::failed);
}

/// What passed its trial is not what runs any more: its slot was damaged, or the slots' record was
/// not this device's.
auto Attempt::give_up_confirming(std::string_view why) -> Result<> {
  TRY_VOID(load_running(image_of(journal_).component));
  trial_runs_ = false;
  auto next = journal_;
  next.outcome = proto::AttemptState::rolled_back;
  next.report.code = proto::codes::kInstall;
  next.report.message = printable(why);
  return move(std::move(next), Event::done);
}

auto Attempt::ask_again(uint32_t rev) -> Result<> {
  auto next = journal_;
  next.report.rev = std::max(next.report.rev, rev);
  return move(std::move(next), Event::asked);
}

auto Attempt::set_rev(uint32_t rev) -> Result<> {
  if (rev == journal_.report.rev) return {};
  auto next = journal_;
  next.report.rev = rev;
  TRY_VOID(put_sealed_record(ports_.files, ports_.keys, kJournalRecord, encode(next)));
  journal_ = std::move(next);
  return {};
}

auto Attempt::check_release(proto::Agreed const& agreed) -> Verdict {
  auto const& release = *agreed.image.release;
  auto const& facts = settings_.facts;
  proto::DeviceView const device{facts.hardware_id, facts.arch, facts.engine_version,
                                 facts.ram_bytes, facts.flash_bytes};
  if (release.kind != "model" || (release.encoding != "zstd" && release.encoding != "none"))
    return {proto::codes::kRequirements,
            "this device knows no " + release.kind + " in " + release.encoding};
  if (release.plain_length > limits::kModelBytesMax ||
      agreed.image.length > limits::kArtifactBytesMax)
    return {proto::codes::kArtifactSize, "too large for any device"};
  if (auto met = proto::check_requires(release.requires_, device); !met)
    return {proto::codes::kRequirements, met.error().what};
  if (facts.flash_bytes > 0 && release.plain_length > facts.flash_bytes)
    return {proto::codes::kRequirements, "larger than a slot of this device"};
  auto const floor = ports_.installer.floor(release.model);
  if (auto above = proto::check_release_counter(release, floor); !above)
    return {proto::codes::kDowngrade, above.error().what};
  return {};
}

auto Attempt::held_in_slot(Sha256 const& plain) const -> std::optional<Slot> {
  auto const name = ModelName::parse(journal_.component);
  if (!name) return std::nullopt;
  auto const held = ports_.installer.identify(*name);
  if (held.other && held.other->plain_sha256 == plain) return Slot::other;
  if (held.running && held.running->plain_sha256 == plain) return Slot::running;
  return std::nullopt;
}

auto Attempt::take(proto::Agreed agreed) -> Result<> {
  CHECK(agreed.image.release && agreed.director.assignment);
  auto next = journal_;
  next.report.rev = agreed.director.assignment->rev;
  next.path = agreed.path;
  next.release = agreed.image;
  if (auto const verdict = check_release(agreed); verdict.code != 0)
    return refuse(std::move(next), proto::AttemptState::rejected, verdict.code, verdict.message);
  agreed_ = std::move(agreed);
  auto const& release = *next.release->release;
  auto const slot = held_in_slot(release.plain_sha256);
  // Read, so that one which is damaged is downloaded instead.
  if (slot && ports_.installer.read(release.model, *slot)) {
    // After a cut while installing it may be there because it was downloaded.
    if (next.report.transport.empty()) next.report.transport = "slot";
    return move(std::move(next), Event::in_slot);
  }
  if (next.patched) {
    TRY(next.patched, kept_patched(image_of(next)));
    if (next.patched) return move(std::move(next), Event::in_slot);
  }
  return start_download(std::move(next), Event::fetch);
}

/// Whether a cut while installing left the release whole where it was made, or in the slot that it
/// was going to: nothing is made twice.
auto Attempt::kept_patched(Image const& image) -> Result<bool> {
  auto const made = ports_.models.map(kPatchedFile);
  if (made) return proto::sha256(made->view()) == image.sha256;
  if (made.error().code == Code::corrupt) return false;
  if (made.error().code != Code::not_found) return made.error();
  auto const intact = ports_.installer.verify(image);
  if (!intact && intact.error().code != Code::corrupt) return intact.error();
  return bool(intact);
}

auto Attempt::artifact() const -> Artifact {
  CHECK(agreed_);
  return journal_.report.transport == "full" ? full_artifact(*agreed_) : delta_artifact(*agreed_);
}

auto Attempt::start_download(Journal next, Event event) -> Result<> {
  auto const& assignment = *agreed_->director.assignment;
  bool const chained = !assignment.chain.empty();
  auto wanted = full_artifact(*agreed_);
  next.report.transport = "full";
  if ((chained || assignment.delta) && !next.delta_refused) {
    if (auto delta = delta_artifact(*agreed_); held_in_slot(delta.parts.front().base)) {
      wanted = std::move(delta);
      next.report.transport = chained ? "chain" : "delta";
    }
  }
  if (next.artifact != wanted.id()) {
    // Gone before the journal says whose bytes come next.
    TRY_VOID(discard_download(ports_.files));
    TRY_VOID(Patching::discard(ports_));
    next.artifact = wanted.id();
    next.bytes_before = next.report.bytes_received;
  }
  TRY_VOID(trim_download(ports_.files, ports_.keys, wanted));
  TRY(auto const kept, downloaded_bytes(ports_.files));
  resumed_ = kept > 0;
  next.report.percent = 0;
  return move(std::move(next), event);
}

auto Attempt::refuse_artifact(uint32_t code, std::string_view why) -> Result<> {
  if (!artifact().is_delta) return refuse(proto::AttemptState::failed, code, why);
  auto next = journal_;
  next.delta_refused = true;
  next.report.message = printable(why);
  return start_download(std::move(next), Event::fell_back);
}

auto Attempt::give_up(Error const& error) -> Result<> {
  switch (journal_.phase) {
    case Phase::downloading:
      if (error.code == Code::internal)
        return refuse(proto::AttemptState::failed, proto::codes::kStorage, error.what);
      return refuse_artifact(proto::codes::kNetwork, error.what);
    case Phase::verifying:
      return refuse(proto::AttemptState::failed, proto::codes::kStorage, error.what);
    case Phase::installing:
    case Phase::testing:
      return fail(proto::codes::kStorage, error.what);
    case Phase::trial:
      return fail(proto::codes::kInstall, error.what);
    default:
      return {};  // confirming and reverting are repeated until they are done
  }
}

auto Attempt::work() -> int64_t {
  auto wait_ms = work_on_phase();
  if (wait_ms) {
    tries_ = 0;
    return *wait_ms;
  }
  last_error_ = wait_ms.error().what;
  if (++tries_ >= kTriesMax) {
    auto given_up = give_up(wait_ms.error());
    if (given_up) return 0;
    last_error_ = given_up.error().what;
  }
  return std::min(kRepeatMsMax, kRepeatMsMin << std::min(tries_ - 1, 16));
}

}  // namespace godwit::agent
