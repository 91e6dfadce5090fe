// One attempt on the device, from the offer to its end: every move is journalled before it counts,
// every phase may be repeated after a power cut. Updater decides when it is called.
#pragma once

#include "agent/core/artifact.h"
#include "agent/core/gate.h"
#include "agent/core/journal.h"
#include "agent/core/patching.h"

namespace godwit::agent {

class Attempt {
 public:
  struct Settings {
    proto::DeviceFacts facts;
    int64_t trial_ms_max;
    uint32_t bsdiff_block_bytes;
  };
  Attempt(Settings settings, Ports const& ports) : settings_(std::move(settings)), ports_(ports) {}

  /// Once per start: reads the journal, takes back trials that it does not know, moves on by
  /// `restart`, loads what runs.
  auto load() -> Result<>;

  auto journal() const -> Journal const& { return journal_; }
  auto phase() const -> Phase { return journal_.phase; }
  /// Of the last step that is being repeated, or of a component that could not be loaded.
  auto last_error() const -> std::string const& { return last_error_; }
  /// Whether this attempt came to its end here already.
  auto finished(std::string const& component, AttemptNo attempt) const -> bool;

  /// A new attempt: idle, ended or checking -> checking.
  auto open(std::string const& component, AttemptNo attempt, uint32_t rev) -> Result<>;
  /// The agreed metadata of the present attempt: checking -> downloading, installing or ended.
  auto take(proto::Agreed agreed) -> Result<>;
  /// Ends it before anything was changed. A rejection that comes late is reported as a failure.
  auto refuse(proto::AttemptState outcome, uint32_t code, std::string_view why) -> Result<>;
  /// Back to checking, as after a power cut, because the assignment may have changed.
  auto recheck() -> Result<> { return move(journal_, Event::restart); }
  /// The server asks for the end once more: idle or ended -> ended.
  auto ask_again(uint32_t rev) -> Result<>;
  auto acknowledge() -> Result<> { return move(journal_, Event::acknowledged); }
  auto set_rev(uint32_t rev) -> Result<>;

  /// One bounded piece of the present phase's work, from downloading to reverting; after how many
  /// milliseconds it wants to go on.
  auto work() -> int64_t;

 private:
  auto load_journal() -> Result<>;
  auto load_running(ModelName const& component) -> Result<>;
  auto load_model(ModelName const& component, Plaintext model) -> Result<>;
  auto move(Journal next, Event event) -> Result<>;
  auto refuse(Journal next, proto::AttemptState outcome, uint32_t code, std::string_view why)
      -> Result<>;
  auto fail(uint32_t code, std::string_view why) -> Result<>;
  auto give_up(Error const& error) -> Result<>;

  auto check_release(proto::Agreed const& agreed) -> Verdict;
  auto held_in_slot(Sha256 const& plain) const -> std::optional<Slot>;
  auto artifact() const -> Artifact;
  auto start_download(Journal next, Event event) -> Result<>;
  auto refuse_artifact(uint32_t code, std::string_view why) -> Result<>;

  auto work_on_phase() -> Result<int64_t>;
  auto download() -> Result<>;
  auto verify() -> Result<>;
  auto check_download(Artifact const& wanted) -> Result<bool>;
  auto open_release(Sealed const& wanted, Plaintext& plain) -> Result<Verdict>;
  auto patch(Artifact wanted) -> Result<>;
  auto check_plain(Plaintext plain, bool patched) -> Result<>;
  auto kept_patched(Image const& image) -> Result<bool>;
  auto install() -> Result<>;
  auto self_test() -> Result<>;
  auto start_trial() -> Result<>;
  auto run_trial() -> Result<int64_t>;
  auto end_trial() -> Result<>;
  auto confirm() -> Result<>;
  auto give_up_confirming(std::string_view why) -> Result<>;
  auto revert() -> Result<>;

  Settings settings_;
  Ports ports_;
  Journal journal_;
  std::string last_error_;
  int tries_ = 0;  // of the present step, without success

  std::optional<proto::Agreed> agreed_;  // while cancellable: its keys are needed
  bool resumed_ = false;                 // the download file held bytes when this start took it up
  bool download_checked_ = false;        // of the present artifact, in this start
  std::unique_ptr<Patching> patching_;   // while verifying a delta
  Plaintext plain_;                      // from verifying to installing, unless it lies in a file
  bool trial_runs_ = false;              // activated and loaded in this start
  int64_t trial_began_ms_ = 0;
};

}  // namespace godwit::agent
