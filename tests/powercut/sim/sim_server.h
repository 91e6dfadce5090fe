// A server as one device sees it: both repositories with real signatures, sealed artifacts, and
// attempts guarded as the real one guards them. Whatever the device may not report is remembered.
#pragma once

#include <deque>

#include "agent/core/ports.h"
#include "proto/trust/metadata.h"

namespace godwit::agent::sim {

/// How a simulated model behaves: written into its bytes.
struct Behaviour {
  int percent_correct = 87;
  bool golden_good = true;
  bool runs = true;        // the engine loads it
  bool crashes = false;    // the device goes down at its first inference in a trial
  bool one_class = false;  // every output is class 0
  uint64_t latency_us = 100;
  bool child_dies = false;  // of the self-test
  bool starves = false;     // no input is ever due
};
/// The same name and behaviour give the same bytes; releases resemble each other.
auto make_model(std::string_view name, Behaviour const& behaviour) -> Bytes;
auto behaviour_of(ByteView model) -> Behaviour;

/// A patch of our container in blocks of that size, so that small models have many.
constexpr uint32_t kSimBlockBytes = 1000;
/// Small, so that a download takes several steps.
constexpr uint64_t kRangeServedMax = 1500;

auto the_model() -> ModelName;

class SimServer : public Fetcher, public Link {
 public:
  SimServer(DeviceId device, Bytes sealing_public);

  struct ReleaseOptions {
    std::string version;
    uint64_t release_counter = 1;
    proto::Requires requires_ = {};
    proto::GatePolicy gate = {100, 5.0, 0.25, 10'000, 0.1};
  };
  void publish(Bytes const& plain, ReleaseOptions const& options);

  enum class Delta { none, good, damaged, missing, blocks, blocks_damaged };
  /// A new attempt towards a published release; the delta is from the release of version `from`, or
  /// there is a chain of them along these versions.
  void assign(std::string const& version, Delta delta = Delta::none,
              std::vector<std::string> const& from = {});
  void cancel();
  /// The present attempt gets another rev, and the hint that says so is lost.
  void raise_rev() { ++attempt_.rev; }
  /// Breaks the signature of what the Director says from now on.
  void forge_director() { forged_ = true; }
  /// The next so many fetches fail.
  void fail_fetches(int count) { failing_fetches_ = count; }
  /// From now on no report is acknowledged, or all are again.
  void mute(bool muted) { muted_ = muted; }

  auto document(std::string_view path, size_t bytes_max) -> Result<std::string> override;
  auto range(Sha256 const& blob, uint64_t offset, uint64_t size) -> Result<Bytes> override;
  void publish(proto::Up what, std::string const& payload) override;

  struct Message {
    proto::Down what;
    std::string payload;
  };
  std::deque<Message> to_device;

  struct Attempt {
    AttemptNo number = 0;
    uint32_t rev = 1;
    bool cancel_requested = false;
    std::string path;
    proto::AttemptState state = proto::AttemptState::notified;
    std::optional<proto::DeltaOffer> delta;
    std::vector<proto::DeltaOffer> chain;
    proto::WrappedKey key;
    proto::JobReport last;
  };
  auto attempt() const -> Attempt const& { return attempt_; }
  /// Reports that no device may send, in words.
  std::vector<std::string> violations;
  std::vector<proto::AttemptState> states_seen;  // of the present attempt
  uint64_t bytes_served = 0;
  int director_version = 0;
  auto image_root() const -> std::string const& { return image_root_; }
  auto director_root() const -> std::string const& { return director_root_; }
  auto plain(std::string const& version) const -> Bytes const& { return plains_.at(version); }
  auto plains() const -> std::map<std::string, Bytes> const& { return plains_; }

 private:
  struct Release {
    proto::Target target;
    proto::ContentKey key;
  };
  auto offer(Delta delta, std::string const& from, std::string const& to) -> proto::DeltaOffer;
  void take_report(proto::JobReport const& report);
  void send_job();
  void acknowledge(proto::JobReport const& report, std::string const& error);

  DeviceId device_;
  Bytes sealing_public_;
  proto::SigningKey image_key_ = proto::SigningKey::generate();
  proto::SigningKey director_key_ = proto::SigningKey::generate();
  std::string image_root_;
  std::string director_root_;
  std::string image_targets_;
  int image_version_ = 0;
  std::map<std::string, Release> releases_;  // by path
  std::map<std::string, Bytes> plains_;      // by version
  std::map<Sha256, Bytes> blobs_;
  Attempt attempt_;
  uint64_t epoch_seen_ = 0;
  uint64_t seq_seen_ = 0;
  bool forged_ = false;
  bool muted_ = false;
  int failing_fetches_ = 0;
};

}  // namespace godwit::agent::sim
