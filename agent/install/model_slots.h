// Model slots: two files a component, one of which runs; one record says which, what both hold, and
// whether the running one is on trial. That record is sealed, and replaced atomically: it is the
// only switch.
#pragma once

#include <functional>
#include <map>

#include "agent/core/ports.h"

namespace godwit::agent {

class ModelSlots : public Installer {
 public:
  /// Whether this device's engine can run the model (loads it and drops it again).
  using Check = std::function<Result<>(ByteView model)>;

  /// Reads the record; a device without one has no components. One that this device did not write
  /// is put aside as slots.refused: then there are none either, and releases come again. `models`:
  /// where the slots lie.
  static auto open(Files& records, KeyStore& keys, Files& models, Check check)
      -> Result<ModelSlots>;
  /// Why the record was put aside at this start.
  auto refused() const -> std::optional<Error> const& { return refused_; }
  /// Every slot's file that may be there, and every file of write_kept.
  auto files() const -> std::vector<std::string>;
  auto kept_files() const -> std::vector<std::string>;

  auto components() const -> std::vector<ModelName> override;
  auto identify(ModelName const& component) const -> proto::ComponentReport override;
  auto floor(ModelName const& component) const -> uint64_t override;
  auto begin(ModelName const& component) -> Result<Standing> override;
  auto check(Image const& image, ByteView plain) -> Result<> override;
  auto back_up(ModelName const& component) -> Result<> override;
  auto write(Image const& image, ByteView plain) -> Result<> override;
  auto adopt(Image const& image, std::string_view file) -> Result<> override;
  auto verify(Image const& image) -> Result<> override;
  auto length(ModelName const& component, Slot slot) const -> Result<uint64_t> override;
  auto read_part(ModelName const& component, Slot slot, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override;
  auto read(ModelName const& component, Slot slot) const -> Result<Plaintext> override;
  auto read_kept(ModelName const& component) const -> Result<Plaintext> override;
  auto write_kept(ModelName const& component, ModelRunner::Kept const& kept) -> Result<> override;
  auto activate(Image const& image) -> Result<> override;
  auto confirm(Image const& image) -> Result<> override;
  auto restore(Image const& image) -> Result<> override;

  /// Starts of the agent that a trial may take, the one that begins it included.
  static constexpr int kTrialStarts = 3;

  struct Content {
    Version version;
    uint64_t release_counter = 0;
    uint64_t length = 0;
    Sha256 sha256;
  };
  struct Trial {
    int starts_left;
    int before;  // the slot that ran before, or -1
  };
  struct Component {
    int active = -1;  // 0 or 1; -1: nothing runs
    std::optional<Content> slots[2];
    std::optional<Trial> trial;  // of the active slot
    uint64_t floor = 0;
  };

 private:
  ModelSlots(Files& records, KeyStore& keys, Files& models, Check check)
      : records_(&records), keys_(&keys), models_(&models), check_(std::move(check)) {}
  auto read_record(std::string_view text) -> Result<>;
  auto put_aside(Error why) -> Result<>;
  auto find(ModelName const& component) const -> Component;
  auto void_other(ModelName const& component) -> Result<std::string>;
  struct Held {
    std::string file;
    Content content;
  };
  auto held(ModelName const& component, Slot slot) const -> Result<Held>;
  auto write_pieces(std::string const& file, ByteView bytes, uint64_t at) -> Result<>;
  auto store(ModelName const& name, Component changed) -> Result<>;
  auto intact(ModelName const& component, int slot, Content const& content) const -> Result<>;
  static void take_back(Component& component);

  Files* records_;
  KeyStore* keys_;
  Files* models_;
  Check check_;
  std::map<ModelName, Component> components_;
  std::optional<Error> refused_;
};

}  // namespace godwit::agent
