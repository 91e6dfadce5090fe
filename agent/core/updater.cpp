#include "agent/core/updater.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "agent/core/attempt.h"
#include "agent/core/records.h"
#include "agent/core/reporter.h"
#include "agent/core/repositories.h"
#include "proto/trust/digest.h"
#include "proto/wire/codes.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kEpochRecord = "epoch";
constexpr size_t kHintsMax = 8;
constexpr int64_t kRepeatMsMin = 500;
constexpr int64_t kRepeatMsMax = 60'000;

/// Spreads a fleet: the same device and reason always give the same share of `range_ms`.
auto jitter(DeviceId const& device, std::string_view reason, uint64_t n, int64_t range_ms)
    -> int64_t {
  if (range_ms <= 0) return 0;
  auto const text = device.str() + "/" + std::string(reason) + "/" + std::to_string(n);
  auto const hash = proto::sha256(as_bytes(text));
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | hash.bytes[i];
  return static_cast<int64_t>(value % static_cast<uint64_t>(range_ms));
}

/// Of "models/<model>/<version>.floe".
auto model_of(std::string_view path) -> Result<ModelName> {
  constexpr std::string_view kFolder = "models/";
  if (!path.starts_with(kFolder)) return invalid("no model's path");
  path.remove_prefix(kFolder.size());
  return ModelName::parse(path.substr(0, path.find('/')));
}

struct Offer {
  ModelName model;
  AttemptNo attempt;
  uint32_t rev;
};

auto offers_in(proto::Targets const& director) -> std::vector<Offer> {
  std::vector<Offer> offers;
  for (auto const& [path, target] : director.targets) {
    auto model = model_of(path);
    if (model && target.assignment)
      offers.push_back({*model, target.assignment->attempt, target.assignment->rev});
  }
  return offers;
}

auto agree(Repositories::Newest const& newest, ModelName const& model) -> Result<proto::Agreed> {
  if (!newest.image) return denied("no Image targets");
  return proto::agree(*newest.image, newest.director, model);
}

/// Errors that may pass, as against documents that do not hold.
auto may_pass(Error const& error) -> bool {
  return error.code == Code::retry || error.code == Code::not_found || error.code == Code::internal;
}

}  // namespace

struct Updater::State {
  State(Config c, Ports p)
      : config(std::move(c)),
        ports(p),
        repositories(ports.files, ports.fetcher, config.device),
        reporter(ports.link, {config.report_interval_ms, config.resend_interval_ms}),
        attempt({config.facts, config.trial_ms_max, config.bsdiff_block_bytes}, ports) {}

  Config config;
  Ports ports;
  Repositories repositories;
  Reporter reporter;
  Attempt attempt;

  std::deque<proto::JobHint> hints;      // not looked at yet
  std::optional<proto::JobHint> hinted;  // the new attempt that the next consultation is for
  int64_t consult_at_ms = 0;             // when the repositories are asked next
  uint64_t consultations = 0;            // for jitter
  int consult_tries = 0;                 // without success
  bool end_acknowledged = false;         // to be journalled
  bool rev_is_stale = false;             // the server knows this attempt by another one
  bool recheck = false;                  // the server does not know this attempt any more
  uint64_t messages_dropped = 0;
  std::string last_error;

  auto count_epoch() -> Result<uint64_t>;
  auto consulting() const -> bool;
  auto step(int64_t now_ms) -> Result<int64_t>;
  auto queue_hint(std::string_view payload) -> bool;
  auto settle_flags() -> Result<>;
  auto take_hint(proto::JobHint const& hint, int64_t now_ms) -> Result<bool>;
  auto take_new_hint(proto::JobHint const& hint, int64_t now_ms) -> Result<bool>;
  auto consult(int64_t now_ms) -> Result<>;
  auto reject_metadata(Error const& error) -> Result<>;
  auto settle(Repositories::Newest const& newest) -> Result<>;
  auto begin(Repositories::Newest const& newest, Offer const& offer) -> Result<>;
  auto learn_rev() -> Result<>;
};

auto Updater::State::count_epoch() -> Result<uint64_t> {
  TRY(auto text, get_text_or_empty(ports.files, kEpochRecord));
  uint64_t last = 0;
  auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), last);
  bool const readable = failure == std::errc() && end == text.data() + text.size();
  // A device whose storage was wiped must not start below what the server has seen of it.
  uint64_t const now_s = static_cast<uint64_t>(std::max<int64_t>(ports.clock.now_ms() / 1000, 1));
  uint64_t const epoch = readable ? last + 1 : now_s;
  TRY_VOID(put_record(ports.files, kEpochRecord, as_bytes(std::to_string(epoch))));
  return epoch;
}

auto Updater::State::queue_hint(std::string_view payload) -> bool {
  auto hint = proto::decode_job_hint(payload);
  if (!hint) return false;
  // The server repeats its hints: the newest one of an attempt is enough.
  for (auto& waiting : hints) {
    if (waiting.attempt != hint->attempt) continue;
    if (hint->rev >= waiting.rev) waiting = *std::move(hint);
    return true;
  }
  if (hints.size() >= kHintsMax) return false;
  hints.push_back(*std::move(hint));
  return true;
}

auto Updater::State::settle_flags() -> Result<> {
  if (end_acknowledged) {
    if (attempt.phase() == Phase::ended) {
      TRY_VOID(attempt.acknowledge());
    }
    end_acknowledged = false;
  }
  if (recheck) {
    if (cancellable(attempt.phase()) && attempt.phase() != Phase::checking) {
      TRY_VOID(attempt.recheck());
      consult_at_ms = 0;
    }
    recheck = false;
  }
  return {};
}

/// Whether the hint is done with; if not, it is looked at again later.
auto Updater::State::take_hint(proto::JobHint const& hint, int64_t now_ms) -> Result<bool> {
  auto const& report = attempt.journal().report;
  auto const phase = attempt.phase();
  if (hint.attempt != report.attempt) return take_new_hint(hint, now_ms);
  if (!active(phase)) {
    // Its end was lost on the way, or forgotten.
    if (phase == Phase::idle || hint.rev > report.rev) TRY_VOID(attempt.ask_again(hint.rev));
    reporter.repeat();
    return true;
  }
  if (hint.rev > report.rev) TRY_VOID(attempt.set_rev(hint.rev));
  if (hint.op == "cancel" && cancellable(phase)) {
    TRY_VOID(attempt.refuse(proto::AttemptState::cancelled, proto::codes::kCancelled, "cancelled"));
  } else if (phase == Phase::checking) {
    consult_at_ms = std::min(consult_at_ms, now_ms);
  }
  return true;
}

auto Updater::State::take_new_hint(proto::JobHint const& hint, int64_t now_ms) -> Result<bool> {
  auto const& journal = attempt.journal();
  if (attempt.finished(hint.component, hint.attempt)) return true;
  // One attempt at a time, and its end is delivered before another component's begins.
  if (journal.phase != Phase::idle && journal.component != hint.component) return false;
  if (active(journal.phase) && !cancellable(journal.phase)) return true;  // the server asks again
  if (hint.op == "cancel") {
    if (active(journal.phase)) return true;
    TRY_VOID(attempt.open(hint.component, hint.attempt, hint.rev));
    TRY_VOID(attempt.refuse(proto::AttemptState::cancelled, proto::codes::kCancelled, "cancelled"));
    return true;
  }
  if (active(journal.phase) && journal.phase != Phase::checking) TRY_VOID(attempt.recheck());
  if (hinted && hinted->attempt == hint.attempt) return true;  // it waits for its time already
  hinted = hint;
  consult_at_ms = now_ms + jitter(config.device, "hint", hint.attempt, hint.jitter_ms);
  return true;
}

auto Updater::State::consult(int64_t now_ms) -> Result<> {
  auto const poll_ms = config.poll_interval_ms;
  ++consultations;
  auto newest = repositories.refresh(ports.clock.now_ms() / 1000);
  if (!newest && may_pass(newest.error())) {
    auto const range_ms = std::min(kRepeatMsMax, kRepeatMsMin << std::min(consult_tries++, 8));
    consult_at_ms = now_ms + range_ms / 2 +
                    jitter(config.device, "repeat", consultations, std::max<int64_t>(range_ms, 2));
    return std::move(newest).error();
  }
  consult_tries = 0;
  consult_at_ms =
      now_ms + poll_ms - poll_ms / 10 + jitter(config.device, "poll", consultations, poll_ms / 5);
  auto settled = newest ? settle(*newest) : reject_metadata(newest.error());
  if (!settled) {
    consult_at_ms = now_ms + kRepeatMsMin;  // only storage can fail here
    return settled;
  }
  hinted.reset();
  if (!newest) return std::move(newest).error();
  return {};
}

/// Metadata that does not hold ends the attempt that is known of; else there is nobody to tell.
auto Updater::State::reject_metadata(Error const& error) -> Result<> {
  if (attempt.phase() != Phase::checking) {
    if (!hinted) return {};
    TRY_VOID(attempt.open(hinted->component, hinted->attempt, hinted->rev));
  }
  return attempt.refuse(proto::AttemptState::rejected, proto::codes::kMetadata, error.what);
}

auto Updater::State::settle(Repositories::Newest const& newest) -> Result<> {
  auto const offers = offers_in(newest.director);
  auto const& journal = attempt.journal();
  if (attempt.phase() == Phase::checking)
    for (auto const& offer : offers)
      if (offer.attempt == journal.report.attempt) return begin(newest, offer);
  for (auto const& offer : offers) {
    if (offer.attempt == journal.report.attempt) continue;
    if (attempt.finished(offer.model.str(), offer.attempt)) continue;
    TRY_VOID(attempt.open(offer.model.str(), offer.attempt, offer.rev));
    return begin(newest, offer);
  }
  if (attempt.phase() != Phase::checking) return {};
  return attempt.refuse(proto::AttemptState::cancelled, proto::codes::kCancelled,
                        "not assigned any more");
}

auto Updater::State::begin(Repositories::Newest const& newest, Offer const& offer) -> Result<> {
  auto agreed = agree(newest, offer.model);
  if (agreed) return attempt.take(*std::move(agreed));
  TRY_VOID(attempt.set_rev(offer.rev));
  return reject_metadata(agreed.error());
}

/// The Director says by which rev the server knows this attempt; if it does not, there is nobody
/// who waits for the report.
auto Updater::State::learn_rev() -> Result<> {
  TRY(auto newest, repositories.refresh(ports.clock.now_ms() / 1000));
  auto const& report = attempt.journal().report;
  for (auto const& offer : offers_in(newest.director)) {
    if (offer.attempt != report.attempt || offer.rev == report.rev) continue;
    TRY_VOID(attempt.set_rev(offer.rev));
    reporter.repeat();
    return {};
  }
  if (attempt.phase() == Phase::ended) end_acknowledged = true;
  return {};
}

auto Updater::State::consulting() const -> bool {
  if (attempt.phase() == Phase::idle || attempt.phase() == Phase::checking) return true;
  // An end that is not acknowledged is overwritten only for an attempt that the server named since.
  return attempt.phase() == Phase::ended && hinted.has_value();
}

auto Updater::State::step(int64_t now_ms) -> Result<int64_t> {
  TRY_VOID(settle_flags());
  for (size_t i = hints.size(); i > 0; --i) {
    TRY(bool const done, take_hint(hints.front(), now_ms));
    if (!done) hints.push_back(hints.front());
    hints.pop_front();
  }
  if (rev_is_stale) {
    TRY_VOID(learn_rev());
    rev_is_stale = false;
  }
  if (consulting()) {
    if (now_ms < consult_at_ms) return consult_at_ms - now_ms;
    TRY_VOID(consult(now_ms));
    return int64_t{0};
  }
  if (active(attempt.phase())) return attempt.work();
  return config.resend_interval_ms;
}

Updater::Updater(Config config, Ports ports)
    : state_(std::make_unique<State>(std::move(config), ports)) {}
Updater::~Updater() = default;

auto Updater::start() -> Result<> {
  auto& s = *state_;
  TRY(auto const epoch, s.count_epoch());
  s.reporter.start(epoch);
  TRY_VOID(s.repositories.load(s.config.image_root, s.config.director_root));
  TRY_VOID(s.attempt.load());
  if (s.attempt.journal().report.attempt != 0 && s.attempt.phase() != Phase::idle)
    s.reporter.show(s.attempt.journal().report);
  auto const now_ms = s.ports.clock.monotonic_ms();
  auto const first_ms = jitter(s.config.device, "start", epoch, s.config.poll_interval_ms / 10);
  s.consult_at_ms = s.attempt.phase() == Phase::checking ? now_ms : now_ms + first_ms;
  return {};
}

auto Updater::epoch() const -> uint64_t {
  return state_->reporter.epoch();
}

auto Updater::will() const -> std::string {
  return proto::encode(proto::Presence{epoch(), false});
}

void Updater::on_connected() {
  auto& s = *state_;
  proto::Hello hello;
  hello.agent = s.config.agent_version;
  hello.facts = s.config.facts;
  for (auto const& component : s.ports.installer.components())
    hello.components.emplace(component.str(), s.ports.installer.identify(component));
  if (s.attempt.phase() != Phase::idle) hello.attempt = s.attempt.journal().report.attempt;
  s.reporter.on_connected(std::move(hello));
}

void Updater::on_disconnected() {
  state_->reporter.on_disconnected();
}

void Updater::on_message(proto::Down what, std::string_view payload) {
  auto& s = *state_;
  if (what == proto::Down::job) {
    if (!s.queue_hint(payload)) ++s.messages_dropped;
    return;
  }
  auto const ack = proto::decode_ack(payload);
  if (!ack) {
    ++s.messages_dropped;
    return;
  }
  switch (s.reporter.on_ack(*ack)) {
    case Reporter::Answer::nothing:
      break;
    case Reporter::Answer::accepted:
      s.end_acknowledged = true;
      break;
    case Reporter::Answer::refused:
      // Terminal or unknown there: an end has nobody to hear it, a beginning is not wanted.
      s.end_acknowledged = true;
      s.recheck = true;
      break;
    case Reporter::Answer::stale_rev:
      s.rev_is_stale = true;
      break;
  }
}

auto Updater::step() -> int64_t {
  auto& s = *state_;
  auto const now_ms = s.ports.clock.monotonic_ms();
  s.last_error.clear();
  auto wait_ms = s.step(now_ms);
  if (!wait_ms) s.last_error = wait_ms.error().what;
  if (s.attempt.phase() != Phase::idle) s.reporter.show(s.attempt.journal().report);
  auto const report_ms = s.reporter.tick(now_ms);
  return std::min(wait_ms.value_or(kRepeatMsMin), report_ms);
}

auto Updater::status() const -> Status {
  auto const& s = *state_;
  Status status;
  status.epoch = epoch();
  status.connected = s.reporter.connected();
  for (auto const& component : s.ports.installer.components())
    status.components.emplace(component.str(), s.ports.installer.identify(component));
  auto const& journal = s.attempt.journal();
  if (journal.report.attempt != 0) status.attempt = journal.report;
  status.component = journal.component;
  status.acknowledged = journal.phase == Phase::idle;
  status.last_error = s.last_error.empty() ? s.attempt.last_error() : s.last_error;
  status.messages_dropped = s.messages_dropped;
  return status;
}

}  // namespace godwit::agent
