// A whole server without its shells: trust material, releases, simulated devices, a clock to set.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "proto/trust/client.h"
#include "proto/trust/seal.h"
#include "server/service/devices.h"
#include "server/service/director.h"
#include "server/service/enrolment.h"
#include "server/service/events.h"
#include "server/service/jobs.h"
#include "server/service/releases.h"
#include "server/service/rollouts.h"
#include "server/service/service.h"
#include "server/service/tokens.h"
#include "server/storage/db.h"

namespace godwit::test {

using namespace server;

class SetClock : public Clock {
 public:
  auto now_ms() const -> int64_t override { return now_; }
  auto monotonic_ms() const -> int64_t override { return now_; }
  void pass_ms(int64_t ms) { now_ += ms; }

 private:
  std::atomic<int64_t> now_ = 1'800'000'000'000;
};

/// Collects what the scheduler sends.
class Mailbox : public DeviceNotifier {
 public:
  void send(DownMessage const& message) override;
  /// The hints for that device since the last call.
  auto take(std::string const& device) -> std::vector<proto::JobHint>;
  auto total() const -> size_t { return total_; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<proto::JobHint>> hints_;
  std::atomic<size_t> total_ = 0;
};

struct ReleaseOptions {
  std::optional<std::string> parent;
  proto::Requires requires_;
  std::string encoding = "none";
  std::string model = "ic";
};

class World {
 public:
  World();
  ~World();

  auto service() -> Service& { return *service_; }
  /// As a killed server that is started again: the old object is gone, the database stays.
  void restart();
  /// The same with another configuration.
  void configure(std::function<void(Config&)> const& change);
  /// A second server on the same database and files.
  auto open_service() -> std::unique_ptr<Service>;
  auto config() const -> Config const& { return config_; }

  /// Signs a release with this content; uploads its artifact; the request to create it.
  auto signed_release(std::string const& version, Bytes const& plain,
                      ReleaseOptions const& options = {}) -> NewRelease;
  auto publish(std::string const& version, Bytes const& plain, ReleaseOptions const& options = {})
      -> Release;
  auto plain_sha256(std::string const& version) const -> Sha256 { return plain_.at(version); }
  void upload(ByteView bytes);
  auto sign_targets(proto::Targets const& targets) const -> std::string;
  auto image_targets() -> proto::Targets& { return targets_; }
  /// The Image root twice renewed, as `godwit keys renew` leaves it: the older ones lie beside it.
  void renew_image_root_twice();
  /// A second root, which trusts another targets key; the first lies beside it.
  void replace_targets_key();

  /// One pass of the scheduler.
  void tick();
  void make_deltas();

  SetClock clock;
  Mailbox mailbox;
  std::unique_ptr<Database> database;  // for looking and for mass inserts
  proto::SealingKey const device_sealing = proto::SealingKey::generate();

 private:
  std::filesystem::path folder_;
  Config config_;
  proto::SigningKey targets_key_ = proto::SigningKey::generate();
  proto::SigningKey const root_key_ = proto::SigningKey::generate();
  proto::SigningKey const director_key_ = proto::SigningKey::generate();
  proto::SealingKey const sealing_key_ = proto::SealingKey::generate();
  proto::Targets targets_;
  std::map<std::string, Sha256> plain_;
  std::unique_ptr<Service> service_;
};

/// A device as the server sees it: enrolled, with what it runs, numbering its messages.
class SimDevice {
 public:
  SimDevice(World& world, std::string const& id);  // enrols by SQL, without a certificate
  auto id() const -> DeviceId const& { return id_; }

  auto hello() -> std::vector<DownMessage>;
  auto report(proto::JobHint const& hint, AttemptState state,
              std::function<void(proto::JobReport&)> const& change = {})
      -> std::vector<DownMessage>;
  /// downloading, verifying, installing, trial, succeeded: as a device to which all goes well.
  void update(proto::JobHint const& hint, std::string const& version);
  /// The same up to the trial, then back to what it ran, as the gate on the device decides.
  void fail_trial(proto::JobHint const& hint);
  /// The only hint in the mailbox; none is a failure of the test.
  auto hint() -> proto::JobHint;

  void runs(std::string const& version);
  auto running() const -> std::string { return running_ ? running_->version : ""; }
  void reboot() { ++epoch_, seq_ = 0; }
  auto make_report(proto::JobHint const& hint, AttemptState state) -> proto::JobReport;
  void use(Service& service) { service_ = &service; }
  std::string model = "ic";
  proto::DeviceFacts facts{"cam", "x86_64", 1, 8 << 20, 4 << 20};

 private:
  auto service() -> Service& { return service_ ? *service_ : world_.service(); }
  World& world_;
  Service* service_ = nullptr;
  DeviceId id_;
  uint64_t epoch_ = 1;
  uint64_t seq_ = 0;
  std::optional<proto::SlotContent> running_;
  std::optional<proto::SlotContent> other_;
};

auto ack_of(std::vector<DownMessage> const& messages) -> proto::Ack;
auto hint_in(std::vector<DownMessage> const& messages) -> std::optional<proto::JobHint>;

auto ic() -> ModelName;
auto version(std::string const& text) -> Version;
/// `size` bytes that do not compress, the same for the same seed.
auto noise(size_t size, uint32_t seed) -> Bytes;

/// A rollout of that version to all devices, with these cumulative percentages.
auto rollout_of(std::string const& version, std::vector<double> const& percents = {100})
    -> NewRollout;

}  // namespace godwit::test
