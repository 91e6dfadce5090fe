#include "tests/integration/server/service/world.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "proto/format/compress.h"
#include "server/storage/devices.h"
#include "tests/integration/server/service/pki.h"
#include "tests/support/postgres/postgres.h"

namespace godwit::test {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kFarAway_s = 4'000'000'000;

void write(fs::path const& path, std::string const& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A root with one key for its own role and one for targets.
auto make_root(proto::SigningKey const& root_key, proto::SigningKey const& targets_key,
               int64_t version = 1) -> std::string {
  proto::Root root;
  root.version = version;
  root.expires_s = kFarAway_s;
  for (auto const* key : {&root_key, &targets_key})
    root.keys.emplace(key->public_key().id(), key->public_key());
  root.roles["root"] = {{root_key.public_key().id()}, 1};
  for (auto const* role : {"targets", "snapshot", "timestamp"})
    root.roles[role] = {{targets_key.public_key().id()}, 1};
  return *proto::sign_document(proto::to_json(root), {root_key});
}

}  // namespace

void Mailbox::send(DownMessage const& message) {
  std::lock_guard lock(mutex_);
  ++total_;
  hints_[message.device.str()].push_back(std::get<proto::JobHint>(message.content));
}

auto Mailbox::take(std::string const& device) -> std::vector<proto::JobHint> {
  std::lock_guard lock(mutex_);
  return std::exchange(hints_[device], {});
}

World::World() {
  std::string name = "/tmp/godwit-world-XXXXXX";
  folder_ = mkdtemp(name.data());
  auto const ca = make_device_ca();
  write(folder_ / "ca.crt", ca.certificate);
  write(folder_ / "ca.key", ca.key);
  write(folder_ / "image.json", make_root(root_key_, targets_key_));
  write(folder_ / "director.json", make_root(root_key_, director_key_));
  write(folder_ / "director.key", director_key_.pem());
  write(folder_ / "seal.key", sealing_key_.pem());
  config_.database_url = Postgres::instance().fresh_database();
  config_.data_dir = folder_ / "data";
  config_.device_ca_certificate = folder_ / "ca.crt";
  config_.device_ca_key = folder_ / "ca.key";
  config_.image_root = folder_ / "image.json";
  config_.director_root = folder_ / "director.json";
  config_.director_key = folder_ / "director.key";
  config_.sealing_key = folder_ / "seal.key";
  targets_.version = 0;
  targets_.expires_s = kFarAway_s;
  database = *Database::open(config_.database_url, 2);
  service_ = open_service();
}

World::~World() {
  service_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

auto World::open_service() -> std::unique_ptr<Service> {
  auto service = Service::open(config_, clock);
  if (!service) ADD_FAILURE() << service.error().what;
  return *std::move(service);
}

void World::restart() {
  service_.reset();
  service_ = open_service();
}

void World::configure(std::function<void(Config&)> const& change) {
  change(config_);
  restart();
}

void World::upload(ByteView bytes) {
  auto upload = service_->artifacts().begin(proto::sha256(bytes));
  ASSERT_TRUE(upload);
  ASSERT_TRUE(upload->add(bytes));
  auto const info = upload->commit();
  ASSERT_TRUE(info);
  ASSERT_TRUE(service_->releases().record_artifact(*info));
}

auto World::sign_targets(proto::Targets const& targets) const -> std::string {
  return *proto::sign_document(proto::to_json(targets), {targets_key_});
}

void World::renew_image_root_twice() {
  write(folder_ / "1.root.json", make_root(root_key_, targets_key_, 1));
  write(folder_ / "2.root.json", make_root(root_key_, targets_key_, 2));
  write(folder_ / "image.json", make_root(root_key_, targets_key_, 3));
}

void World::replace_targets_key() {
  write(folder_ / "1.root.json", make_root(root_key_, targets_key_, 1));
  targets_key_ = proto::SigningKey::generate();
  write(folder_ / "image.json", make_root(root_key_, targets_key_, 2));
}

auto World::signed_release(std::string const& number, Bytes const& plain,
                           ReleaseOptions const& options) -> NewRelease {
  auto const model = *ModelName::parse(options.model);
  auto const the_version = version(number);
  auto const path = proto::target_path(model, the_version);
  plain_[number] = proto::sha256(plain);
  auto const key = proto::ContentKey::generate();
  auto const aad = proto::release_aad(path, plain_[number], plain.size());
  auto const sealed =
      proto::seal(key, aad, options.encoding == "zstd" ? proto::compress(plain) : plain);
  upload(sealed);
  auto const artifact = proto::sha256(sealed);
  proto::ReleaseInfo info{.model = model, .version = the_version};
  info.encoding = options.encoding;
  info.plain_length = plain.size();
  info.plain_sha256 = plain_[number];
  info.requires_ = options.requires_;
  proto::Target target;
  target.length = sealed.size();
  target.sha256 = artifact;
  target.release = info;
  ++targets_.version;
  targets_.targets[path] = target;
  NewRelease request{.model = model,
                     .version = the_version,
                     .parent = {},
                     .notes = "notes",
                     .channel = {},
                     .targets = sign_targets(targets_),
                     .key = {}};
  if (options.parent) request.parent = version(*options.parent);
  request.key =
      *proto::wrap_key(key, sealing_key_.public_bytes(), proto::kServerReceiver, artifact);
  return request;
}

auto World::publish(std::string const& number, Bytes const& plain, ReleaseOptions const& options)
    -> Release {
  auto created = service_->releases().create(signed_release(number, plain, options));
  if (!created) ADD_FAILURE() << created.error().what;
  return created->release;
}

void World::tick() {
  auto const outcome = service_->jobs().tick(mailbox);
  EXPECT_TRUE(outcome) << outcome.error().what;
}

void World::make_deltas() {
  for (auto made = service_->jobs().make_one_delta();; made = service_->jobs().make_one_delta()) {
    ASSERT_TRUE(made) << made.error().what;
    if (!*made) return;
  }
}

SimDevice::SimDevice(World& world, std::string const& id)
    : world_(world), id_(*DeviceId::parse(id)) {
  auto const inserted = world.database->transact([&](Tx& tx) -> Result<bool> {
    return store::insert_device(tx,
                                {.id = id,
                                 .hardware_id = "cam",
                                 .attributes_json = "{}",
                                 .public_key_sha256 = proto::sha256(as_bytes(id)),
                                 .sealing_key = world.device_sealing.public_bytes()},
                                world.clock.now_ms());
  });
  EXPECT_TRUE(inserted && *inserted);
}

void SimDevice::runs(std::string const& number) {
  if (number.empty())
    running_.reset();
  else
    running_ = proto::SlotContent{number, world_.plain_sha256(number)};
}

auto SimDevice::hello() -> std::vector<DownMessage> {
  proto::Hello hello;
  hello.epoch = epoch_;
  hello.seq = ++seq_;
  hello.agent = "sim";
  hello.facts = facts;
  hello.components[model] = {running_, other_};
  auto answer = service().device_link().on_hello(id_, hello);
  EXPECT_TRUE(answer) << answer.error().what;
  return answer.value_or({});
}

auto SimDevice::make_report(proto::JobHint const& hint, AttemptState state) -> proto::JobReport {
  proto::JobReport report;
  report.epoch = epoch_;
  report.seq = ++seq_;
  report.attempt = hint.attempt;
  report.rev = hint.rev;
  report.state = state;
  if (proto::ended(state)) report.component = proto::ComponentReport{running_, other_};
  return report;
}

auto SimDevice::report(proto::JobHint const& hint, AttemptState state,
                       std::function<void(proto::JobReport&)> const& change)
    -> std::vector<DownMessage> {
  auto report = make_report(hint, state);
  if (change) change(report);
  auto answer = service().device_link().on_job_report(id_, report);
  EXPECT_TRUE(answer) << answer.error().what;
  return answer.value_or({});
}

void SimDevice::update(proto::JobHint const& hint, std::string const& number) {
  for (auto state : {AttemptState::downloading, AttemptState::verifying, AttemptState::installing,
                     AttemptState::trial})
    EXPECT_EQ(ack_of(report(hint, state)).error, "");
  other_ = running_;
  runs(number);
  EXPECT_EQ(ack_of(report(hint, AttemptState::succeeded)).error, "");
}

void SimDevice::fail_trial(proto::JobHint const& hint) {
  EXPECT_EQ(ack_of(report(hint, AttemptState::trial)).error, "");
  EXPECT_EQ(ack_of(report(hint, AttemptState::rolled_back,
                          [](proto::JobReport& r) {
                            r.code = 6101;
                            r.message = "accuracy dropped 7.2 points, limit 5";
                          }))
                .error,
            "");
}

auto SimDevice::hint() -> proto::JobHint {
  auto const hints = world_.mailbox.take(id_.str());
  EXPECT_EQ(hints.size(), 1u) << id_.str();
  return hints.empty() ? proto::JobHint{} : hints[0];
}

auto ack_of(std::vector<DownMessage> const& messages) -> proto::Ack {
  for (auto const& message : messages)
    if (auto const* ack = std::get_if<proto::Ack>(&message.content)) return *ack;
  ADD_FAILURE() << "no acknowledgement";
  return {};
}

auto hint_in(std::vector<DownMessage> const& messages) -> std::optional<proto::JobHint> {
  for (auto const& message : messages)
    if (auto const* hint = std::get_if<proto::JobHint>(&message.content)) return *hint;
  return std::nullopt;
}

auto ic() -> ModelName {
  return *ModelName::parse("ic");
}
auto version(std::string const& text) -> Version {
  return *Version::parse(text);
}

auto noise(size_t size, uint32_t seed) -> Bytes {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

auto rollout_of(std::string const& number, std::vector<double> const& percents) -> NewRollout {
  NewRollout request{.name = "to " + number,
                     .model = ic(),
                     .version = version(number),
                     .filter = "",
                     .phases = {},
                     .abort = {}};
  for (double percent : percents) request.phases.push_back({percent, std::nullopt, 0});
  return request;
}

}  // namespace godwit::test
