// What the updater needs of the world, one interface each: agent/linux implements them for a real
// device, tests/powercut for a simulated one that loses power at any operation. All calls are
// synchronous and made from the one thread that calls Updater.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/ids.h"
#include "proto/trust/seal.h"
#include "proto/wire/messages.h"
#include "proto/wire/topics.h"

namespace godwit::agent {

/// The plaintext of a model for as long as it is used. Copies share it.
class Plaintext {
 public:
  Plaintext() = default;  // of no bytes
  /// `place` frees it in its own way.
  Plaintext(std::shared_ptr<uint8_t> place, size_t size_bytes)
      : place_(std::move(place)), size_bytes_(size_bytes), writable_(true) {}
  Plaintext(std::shared_ptr<uint8_t const> place, size_t size_bytes)
      : place_(std::const_pointer_cast<uint8_t>(std::move(place))), size_bytes_(size_bytes) {}

  auto view() const -> ByteView { return {place_.get(), size_bytes_}; }
  auto writable() const -> bool { return writable_; }
  /// One more owner.
  auto place() const -> std::shared_ptr<uint8_t> const& { return place_; }
  /// To be filled; only of memory that is writable.
  auto bytes() -> std::span<uint8_t> {
    CHECK(writable_ || size_bytes_ == 0);
    return {place_.get(), size_bytes_};
  }

 private:
  std::shared_ptr<uint8_t> place_;
  size_t size_bytes_ = 0;
  bool writable_ = false;
};

/// Memory for plaintext, which the platform keeps off its disks and out of its dumps where it can,
/// and overwrites when the last copy goes.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Zeros. `internal`: there is not so much.
  virtual auto take(uint64_t size_bytes) -> Result<Plaintext> = 0;
};

/// One flat folder of files, with the durability of POSIX and no more: what was written is durable
/// after `sync` of the file, a name that was made, renamed or removed after `sync_folder`.
/// Names are of [a-z0-9._-]. Files are private to the agent (mode 0600). Errors: `not_found`,
/// `retry` (no space), `corrupt` (a seal does not hold), `internal` (anything else).
class Files {
 public:
  virtual ~Files() = default;
  virtual auto size(std::string_view name) const -> Result<uint64_t> = 0;
  /// At most `size_max` bytes from `offset`; fewer only at the end of the file.
  virtual auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> = 0;
  /// The whole of a file that nobody changes meanwhile, as it lies there.
  virtual auto map(std::string_view name) const -> Result<Plaintext> = 0;
  /// Makes the file if there is none.
  virtual auto write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> = 0;
  virtual auto truncate(std::string_view name, uint64_t size) -> Result<> = 0;
  virtual auto sync(std::string_view name) -> Result<> = 0;
  virtual auto rename(std::string_view from, std::string_view to) -> Result<> = 0;
  /// Good also when there is no such file.
  virtual auto remove(std::string_view name) -> Result<> = 0;
  virtual auto sync_folder() -> Result<> = 0;
};

/// The device interface of the server over mutual TLS. Each call has its own time limit.
/// `not_found`: 404 (or 410). `retry`: anything that may pass: no connection, timeout, 5xx, 429.
class Fetcher {
 public:
  virtual ~Fetcher() = default;
  /// GET of a small document, e.g. "/device/v1/director/targets.json"; `invalid` past `bytes_max`.
  virtual auto document(std::string_view path, size_t bytes_max) -> Result<std::string> = 0;
  /// GET /device/v1/blobs/{sha256}, the range [offset, offset + size): 1 to `size` bytes of it, in
  /// order. The caller never asks past the signed length.
  virtual auto range(Sha256 const& blob, uint64_t offset, uint64_t size) -> Result<Bytes> = 0;
};

/// MQTT, uplink: publishes at QoS 1 to topic(device, what). Best effort: the updater repeats what
/// is not acknowledged, and says hello at every on_connected().
class Link {
 public:
  virtual ~Link() = default;
  virtual void publish(proto::Up what, std::string const& payload) = 0;
};

/// The device's own keys: files now, a PKCS#11 token or a TPM where there is one. They never leave
/// it; what comes out are keys of single artifacts and single files.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// A content key that was wrapped to this device.
  virtual auto unwrap(proto::WrappedKey const& wrapped, Sha256 const& artifact)
      -> Result<proto::ContentKey> = 0;
  /// The key of a file on this device, in a form that may lie beside what it seals: at most
  /// kLockedKeyBytesMax.
  virtual auto lock(proto::ContentKey const& key) -> Result<Bytes> = 0;
  /// `denied` when it was not locked by this store, or by one whose key is lost.
  virtual auto unlock(ByteView locked) -> Result<proto::ContentKey> = 0;
  /// Whether the records of this device carry seals (sealed_record.h): one without is then not its
  /// own. False of a device whose agent was one that sealed none.
  virtual auto seals_records() const -> bool = 0;
  /// From now on they do. Durable when it returns.
  virtual auto begin_sealing_records() -> Result<> = 0;
};
constexpr size_t kLockedKeyBytesMax = 4096;

/// Runs the golden check of a model in a child process with limits.
class SelfTest {
 public:
  virtual ~SelfTest() = default;
  /// `corrupt`: the outputs differ (or the model holds none). Any other error: the child died, ran
  /// out of time or could not be started.
  virtual auto run(ByteView model) -> Result<> = 0;
};

/// What executes models on this device's own inputs, and counts.
class ModelRunner {
 public:
  virtual ~ModelRunner() = default;
  /// Replaces what runs as `component`. Statistics start anew and so do the inputs, at their first
  /// row: two releases are compared on the same inputs.
  struct Release {
    Plaintext model;
    Sha256 sha256;   // of the model
    Plaintext kept;  // what `keep` gave of some model, or nothing
  };
  virtual auto load(ModelName const& component, Release release) -> Result<> = 0;
  /// What makes the next load of what runs quick, if it differs from what was kept: two parts of
  /// one file, the second of which stays where it is.
  struct Kept {
    Bytes head;
    ByteView packed;
  };
  virtual auto keep(ModelName const& component) const -> std::optional<Kept> = 0;
  /// Nothing runs as `component` any more.
  virtual void unload(ModelName const& component) = 0;
  /// Runs at most `count_max` inferences that are due; how many ran (0: none was due yet).
  virtual auto run(ModelName const& component, uint32_t count_max) -> Result<uint32_t> = 0;
  /// Since load: everything of Health but `psi` and `accuracy_drop_points`. `inferences` counts
  /// failed ones too.
  virtual auto health(ModelName const& component) const -> proto::Health = 0;
};

/// A release as the Image repository signed it: what an installer is asked to bring into place.
struct Image {
  ModelName component;
  Version version;
  uint64_t release_counter = 0;
  uint64_t length = 0;  // of the plaintext
  Sha256 sha256;        // of the plaintext
};

enum class Slot : uint8_t { running, other };

/// How a component is written, tried, kept and taken back: model slots now (agent/install),
/// firmware flashing later. Every call is durable when it returns, may be repeated, and leaves the
/// running release usable wherever power is lost.
class Installer {
 public:
  enum class Standing : uint8_t {
    settled,   // no trial is under way
    trial,     // the running release is on trial; this start was counted
    reverted,  // the trial's starts were used up, or it could not be read: the old release runs
  };

  virtual ~Installer() = default;
  virtual auto components() const -> std::vector<ModelName> = 0;
  /// What runs and what the other slot holds.
  virtual auto identify(ModelName const& component) const -> proto::ComponentReport = 0;
  /// The highest release counter that was ever confirmed: nothing below it is installed.
  virtual auto floor(ModelName const& component) const -> uint64_t = 0;
  /// Once per start of the agent, before anything runs. Counts the start durably when a trial is
  /// under way, and reverts it when it was started too often.
  virtual auto begin(ModelName const& component) -> Result<Standing> = 0;
  /// `corrupt` or `invalid` when this device cannot run these bytes; nothing is written.
  virtual auto check(Image const& image, ByteView plain) -> Result<> = 0;
  /// Makes sure that what runs can come back: it is intact in its slot (or read out to a file).
  virtual auto back_up(ModelName const& component) -> Result<> = 0;
  /// Into the slot that does not run; what it held is void from the first byte on.
  virtual auto write(Image const& image, ByteView plain) -> Result<> = 0;
  /// The same, from a file of the folder that holds exactly the image: it goes over to the
  /// installer.
  virtual auto adopt(Image const& image, std::string_view file) -> Result<> = 0;
  /// Reads back the other slot and compares exactly the image's length with its hash; from now on
  /// `identify` shows it. `corrupt` when it differs.
  virtual auto verify(Image const& image) -> Result<> = 0;
  /// What the slot holds by its record, and a part of it that nobody checked: fewer bytes only at
  /// its end. `not_found`: empty.
  virtual auto length(ModelName const& component, Slot slot) const -> Result<uint64_t> = 0;
  virtual auto read_part(ModelName const& component, Slot slot, uint64_t offset,
                         uint64_t size_max) const -> Result<Bytes> = 0;
  /// The bytes of a slot, checked against their hash. `not_found`: empty, or cannot be read back.
  virtual auto read(ModelName const& component, Slot slot) const -> Result<Plaintext> = 0;
  /// What a runner keeps of what it runs, one file a component; it says itself of which model.
  virtual auto read_kept(ModelName const& component) const -> Result<Plaintext> = 0;
  virtual auto write_kept(ModelName const& component, ModelRunner::Kept const& kept)
      -> Result<> = 0;
  /// The other slot runs from now on, on trial; the one that ran is kept.
  virtual auto activate(Image const& image) -> Result<> = 0;
  /// The trial is over, the running release stays; its counter becomes the floor if it is higher.
  virtual auto confirm(Image const& image) -> Result<> = 0;
  /// What ran before `activate` runs again (a trial is taken back), and `image` is void in the
  /// other slot. Good also when neither was done.
  virtual auto restore(Image const& image) -> Result<> = 0;
};

/// All of them; the caller owns them and they outlive the updater.
struct Ports {
  Memory& memory;
  Files& files;   // records, and what lies sealed by who made it
  Files& models;  // in the same folder: plaintext of models, sealed at rest (model_files.h)
  Fetcher& fetcher;
  Link& link;
  Clock& clock;
  KeyStore& keys;
  SelfTest& self_test;
  ModelRunner& runner;
  Installer& installer;
};

}  // namespace godwit::agent
