#include "tests/powercut/sim/sim_server.h"

#include <algorithm>

#include "proto/format/compress.h"
#include "proto/format/container.h"
#include "proto/format/splice.h"
#include "proto/trust/digest.h"
#include "proto/trust/director.h"
#include "server/delta/delta.h"

namespace godwit::agent::sim {
namespace {

constexpr int64_t kFarFutureS = 4'000'000'000;
constexpr size_t kModelBytes = 6000;

template <typename T>
auto must(Result<T> result) -> T {
  CHECK(result);
  return *std::move(result);
}

auto make_root(proto::SigningKey const& key) -> std::string {
  auto const public_key = key.public_key();
  proto::Root root;
  root.expires_s = kFarFutureS;
  root.keys.emplace(public_key.id(), public_key);
  for (auto const* role : {"root", "targets", "snapshot", "timestamp"})
    root.roles.emplace(role, proto::Role{{public_key.id()}, 1});
  return must(proto::sign_document(proto::to_json(root), {key}));
}

/// Each block as differences to what lies there in the old file.
auto patch_in_blocks(ByteView old_file, ByteView new_file) -> Bytes {
  proto::Container container{.profile = proto::Profile::bytes,
                             .old_bytes = old_file.size(),
                             .new_bytes = new_file.size(),
                             .old_sha256 = proto::sha256(old_file),
                             .new_sha256 = proto::sha256(new_file),
                             .blocks = {}};
  std::deque<Bytes> payloads;
  for (size_t at = 0; at < new_file.size(); at += kSimBlockBytes) {
    auto const made = new_file.subspan(at, std::min<size_t>(kSimBlockBytes, new_file.size() - at));
    auto const add = static_cast<uint32_t>(
        std::min(made.size(), old_file.size() - std::min(at, old_file.size())));
    auto const literal = static_cast<uint32_t>(made.size()) - add;
    Bytes diff(made.begin(), made.begin() + add);
    for (size_t i = 0; i < add; ++i) diff[i] = static_cast<uint8_t>(diff[i] - old_file[at + i]);
    proto::Instruction const whole{.add = add, .literal = literal, .seek = 0};
    auto& payload = payloads.emplace_back();
    for (auto const& stream :
         {proto::write_instructions({&whole, 1}), diff, Bytes(made.begin() + add, made.end())})
      proto::write_stream(payload, proto::StreamCodec::stored, stream.size(), stream);
    container.blocks.push_back({.new_offset = at,
                                .new_bytes = static_cast<uint32_t>(made.size()),
                                .operation = proto::BlockOperation::splice,
                                .old_offset = std::min(at, old_file.size()),
                                .payload = payload,
                                .check = proto::block_check(made)});
  }
  return proto::write_container(container);
}

}  // namespace

auto the_model() -> ModelName {
  return must(ModelName::parse("ic"));
}

auto make_model(std::string_view name, Behaviour const& b) -> Bytes {
  auto header = Json::object({{"correct", b.percent_correct},
                              {"golden", b.golden_good},
                              {"runs", b.runs},
                              {"crashes", b.crashes},
                              {"one_class", b.one_class},
                              {"latency_us", b.latency_us},
                              {"child_dies", b.child_dies},
                              {"starves", b.starves}})
                    .dump();
  header.resize(200, ' ');
  auto model = to_bytes(header);
  // A linear congruential generator (Numerical Recipes' constants): noise that does not compress.
  uint32_t state = 1;
  while (model.size() < kModelBytes) {
    state = state * 1664525u + 1013904223u;
    model.push_back(static_cast<uint8_t>(state >> 24));
  }
  model.insert(model.begin() + 3000, name.begin(), name.end());
  return model;
}

auto behaviour_of(ByteView model) -> Behaviour {
  auto const json = must(Json::parse(as_text(model.first(200))));
  Behaviour behaviour;
  behaviour.percent_correct = static_cast<int>(must(json.get_int("correct")));
  behaviour.golden_good = must(json.get_bool("golden"));
  behaviour.runs = must(json.get_bool("runs"));
  behaviour.crashes = must(json.get_bool("crashes"));
  behaviour.one_class = must(json.get_bool("one_class"));
  behaviour.latency_us = static_cast<uint64_t>(must(json.get_int("latency_us")));
  behaviour.child_dies = must(json.get_bool("child_dies"));
  behaviour.starves = must(json.get_bool("starves"));
  return behaviour;
}

SimServer::SimServer(DeviceId device, Bytes sealing_public)
    : device_(std::move(device)),
      sealing_public_(std::move(sealing_public)),
      image_root_(make_root(image_key_)),
      director_root_(make_root(director_key_)) {}

void SimServer::publish(Bytes const& plain, ReleaseOptions const& options) {
  auto const version = must(Version::parse(options.version));
  auto const path = proto::target_path(the_model(), version);
  proto::ReleaseInfo info{the_model(), version};
  info.release_counter = options.release_counter;
  info.plain_length = plain.size();
  info.plain_sha256 = proto::sha256(plain);
  info.requires_ = options.requires_;
  info.gate = options.gate;
  auto const key = proto::ContentKey::generate();
  auto sealed = proto::seal(key, proto::release_aad(path, info.plain_sha256, info.plain_length),
                            proto::compress(plain));
  proto::Target target{sealed.size(), proto::sha256(sealed), info, {}};
  blobs_.emplace(target.sha256, std::move(sealed));
  releases_.insert_or_assign(path, Release{target, key});
  plains_.insert_or_assign(options.version, plain);

  proto::Targets targets;
  targets.version = ++image_version_;
  targets.expires_s = kFarFutureS;
  for (auto const& [name, release] : releases_) targets.targets.emplace(name, release.target);
  image_targets_ = must(proto::sign_document(proto::to_json(targets), {image_key_}));
}

auto SimServer::offer(Delta delta, std::string const& from, std::string const& to)
    -> proto::DeltaOffer {
  auto const& base = plains_.at(from);
  auto const& result = plains_.at(to);
  bool const blocks = delta == Delta::blocks || delta == Delta::blocks_damaged;
  auto patch = blocks ? patch_in_blocks(base, result)
                      : must(delta::make_patch(base, result, proto::PatchFormat::bsdiff));
  if (delta == Delta::damaged) patch.resize(patch.size() - 4);
  // A literal of the last block.
  if (delta == Delta::blocks_damaged) patch[patch.size() - 2] ^= 1;
  proto::DeltaOffer offer;
  offer.format = blocks ? "godwit" : "bsdiff";
  offer.base_plain_sha256 = proto::sha256(base);
  offer.plain_sha256 = proto::sha256(result);
  auto const key = proto::ContentKey::generate();
  auto const aad = proto::delta_aad(offer.format, offer.base_plain_sha256, proto::sha256(result));
  auto sealed = proto::seal(key, aad, patch);
  offer.length = sealed.size();
  offer.sha256 = proto::sha256(sealed);
  offer.key = must(proto::wrap_key(key, sealing_public_, device_.str(), offer.sha256));
  if (delta != Delta::missing) blobs_.insert_or_assign(offer.sha256, std::move(sealed));
  return offer;
}

void SimServer::assign(std::string const& version, Delta delta,
                       std::vector<std::string> const& from) {
  Attempt next;
  next.number = attempt_.number + 1;
  next.path = proto::target_path(the_model(), must(Version::parse(version)));
  auto const& release = releases_.at(next.path);
  next.key =
      must(proto::wrap_key(release.key, sealing_public_, device_.str(), release.target.sha256));
  std::vector<proto::DeltaOffer> steps;
  for (size_t i = 0; delta != Delta::none && i < from.size(); ++i)
    steps.push_back(offer(delta, from[i], i + 1 < from.size() ? from[i + 1] : version));
  if (steps.size() == 1) next.delta = steps.front();
  if (steps.size() > 1) next.chain = steps;
  attempt_ = std::move(next);
  states_seen.clear();
  bytes_served = 0;
  send_job();
}

void SimServer::cancel() {
  ++attempt_.rev;
  attempt_.cancel_requested = true;
  send_job();
}

void SimServer::send_job() {
  proto::JobHint hint{attempt_.number, attempt_.rev,
                      attempt_.cancel_requested ? "cancel" : "update", the_model().str(), 0};
  to_device.push_back({proto::Down::job, proto::encode(hint)});
}

auto SimServer::document(std::string_view path, size_t) -> Result<std::string> {
  if (failing_fetches_ > 0) {
    --failing_fetches_;
    return retry("no connection");
  }
  if (path == "/device/v1/image/targets.json") return image_targets_;
  if (path != "/device/v1/director/targets.json") return not_found(std::string(path));
  std::vector<proto::Assigned> assigned;
  if (attempt_.number != 0 && !proto::ended(attempt_.state) && !attempt_.cancel_requested)
    assigned.push_back(
        {attempt_.path,
         releases_.at(attempt_.path).target,
         {attempt_.number, attempt_.rev, attempt_.key, attempt_.delta, attempt_.chain}});
  auto const& key = forged_ ? image_key_ : director_key_;
  return proto::sign_director_targets(device_, ++director_version, kFarFutureS, assigned, key);
}

auto SimServer::range(Sha256 const& blob, uint64_t offset, uint64_t size) -> Result<Bytes> {
  if (failing_fetches_ > 0) {
    --failing_fetches_;
    return retry("no connection");
  }
  auto const found = blobs_.find(blob);
  if (found == blobs_.end()) return not_found("no such blob");
  auto const& bytes = found->second;
  if (offset >= bytes.size()) return invalid("past the end");
  auto const count = std::min({size, kRangeServedMax, bytes.size() - offset});
  bytes_served += count;
  auto const begin = bytes.begin() + static_cast<ptrdiff_t>(offset);
  return Bytes(begin, begin + static_cast<ptrdiff_t>(count));
}

void SimServer::publish(proto::Up what, std::string const& payload) {
  if (what == proto::Up::hello) {
    auto const hello = proto::decode_hello(payload);
    if (!hello || std::pair(hello->epoch, hello->seq) <= std::pair(epoch_seen_, seq_seen_))
      violations.push_back("hello: " + payload);
    if (attempt_.number != 0 && !proto::ended(attempt_.state)) send_job();
    return;
  }
  auto const report = proto::decode_job_report(payload);
  if (!report)
    violations.push_back("malformed: " + payload);
  else
    take_report(*report);
}

void SimServer::take_report(proto::JobReport const& report) {
  if (report.attempt != attempt_.number) return acknowledge(report, "unknown_attempt");
  if (std::pair(report.epoch, report.seq) <= std::pair(epoch_seen_, seq_seen_))
    return acknowledge(report, "");
  if (report.rev != attempt_.rev) return acknowledge(report, "version_mismatch");
  if (proto::ended(attempt_.state)) {
    if (report.state != attempt_.state)
      violations.push_back("after the end: " + proto::encode(report));
    return acknowledge(report, "terminal_state");
  }
  if (!proto::report_may_move(attempt_.state, report.state)) {
    violations.push_back(std::string(to_string(attempt_.state)) + " -> " + proto::encode(report));
    return acknowledge(report, "invalid_transition");
  }
  if (proto::ended(report.state) && !report.component)
    violations.push_back("an end without the component: " + proto::encode(report));
  if (muted_) return;  // lost before it was committed
  epoch_seen_ = report.epoch;
  seq_seen_ = report.seq;
  attempt_.state = report.state;
  attempt_.last = report;
  if (states_seen.empty() || states_seen.back() != report.state)
    states_seen.push_back(report.state);
  acknowledge(report, "");
}

void SimServer::acknowledge(proto::JobReport const& report, std::string const& error) {
  if (muted_) return;
  proto::Ack const ack{report.epoch, report.seq, error,
                       error.empty() ? "" : std::string(to_string(attempt_.state))};
  to_device.push_back({proto::Down::ack, proto::encode(ack)});
}

}  // namespace godwit::agent::sim
