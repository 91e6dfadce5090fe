#include "agent/install/model_slots.h"

#include <algorithm>

#include "agent/core/sealed_record.h"
#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kRecord = "slots";
constexpr std::string_view kRefusedRecord = "slots.refused";
constexpr int kRecordVersion = 1;
constexpr uint64_t kPieceBytes = 64u << 10;

using Component = ModelSlots::Component;
using Content = ModelSlots::Content;

auto slot_file(ModelName const& component, int slot) -> std::string {
  return "slot." + component.str() + (slot == 0 ? ".a" : ".b");
}

auto kept_file(ModelName const& component) -> std::string {
  return "kept." + component.str();
}

/// The slot that does not run; the first one when nothing does.
auto inactive(Component const& component) -> int {
  return component.active == 0 ? 1 : 0;
}

auto is(std::optional<Content> const& content, Image const& image) -> bool {
  return content && content->sha256 == image.sha256 && content->version == image.version;
}

auto to_json(Content const& content) -> Json {
  return Json::object({{"version", content.version.str()},
                       {"counter", content.release_counter},
                       {"length", content.length},
                       {"sha256", content.sha256.hex()}});
}

auto natural(Json const& json, std::string_view key) -> Result<uint64_t> {
  TRY(auto value, json.get_int(key));
  if (value < 0) return corrupt("'" + std::string(key) + "' is negative");
  return static_cast<uint64_t>(value);
}

auto small(Json const& json, std::string_view key, int64_t min, int64_t max) -> Result<int> {
  TRY(auto value, json.get_int(key));
  if (value < min || value > max) return corrupt("'" + std::string(key) + "' is out of range");
  return static_cast<int>(value);
}

auto content_of(Json const& json) -> Result<Content> {
  TRY(auto version_text, json.get_string("version"));
  TRY(auto version, Version::parse(version_text));
  TRY(auto counter, natural(json, "counter"));
  TRY(auto length, natural(json, "length"));
  TRY(auto hex, json.get_string("sha256"));
  TRY(auto sha256, Sha256::parse(hex));
  return Content{std::move(version), counter, length, sha256};
}

auto to_json(Component const& component) -> Json {
  auto json = Json::object({{"active", component.active}, {"floor", component.floor}});
  if (component.slots[0]) json.set("a", to_json(*component.slots[0]));
  if (component.slots[1]) json.set("b", to_json(*component.slots[1]));
  if (component.trial)
    json.set("trial", Json::object({{"starts_left", component.trial->starts_left},
                                    {"before", component.trial->before}}));
  return json;
}

auto component_of(Json const& json) -> Result<Component> {
  Component component;
  TRY(component.active, small(json, "active", -1, 1));
  TRY(component.floor, natural(json, "floor"));
  if (auto const* slot = json.find("a")) {
    TRY(component.slots[0], content_of(*slot));
  }
  if (auto const* slot = json.find("b")) {
    TRY(component.slots[1], content_of(*slot));
  }
  if (auto const* trial = json.find("trial")) {
    TRY(auto starts_left, small(*trial, "starts_left", 0, ModelSlots::kTrialStarts));
    TRY(auto before, small(*trial, "before", -1, 1));
    // Where a trial is taken back to must be another slot, with something in it.
    if (before >= 0 && (before == component.active || !component.slots[before]))
      return corrupt("the trial has nothing to go back to");
    component.trial = ModelSlots::Trial{starts_left, before};
  }
  if (component.active < 0 ? component.trial.has_value() : !component.slots[component.active])
    return corrupt("the active slot is empty");
  return component;
}

}  // namespace

auto ModelSlots::open(Files& records, KeyStore& keys, Files& models, Check check)
    -> Result<ModelSlots> {
  ModelSlots slots(records, keys, models, std::move(check));
  auto const record = get_sealed_record(records, keys, kRecord);
  if (!record && record.error().code != Code::denied) return record.error();
  if (!record) {
    TRY_VOID(slots.put_aside(record.error()));
    return slots;
  }
  if (record->text.empty()) return slots;
  auto const read = slots.read_record(record->text);
  // What this device sealed and this agent cannot read, a newer agent can: nothing is guessed.
  if (!read && record->sealed) return read.error();
  if (!read) {
    TRY_VOID(slots.put_aside(read.error()));
  } else if (!record->sealed) {
    TRY_VOID(put_sealed_record(records, keys, kRecord, record->text));
  }
  return slots;
}

auto ModelSlots::read_record(std::string_view text) -> Result<> {
  TRY(auto json, Json::parse(text).within(kRecord));
  TRY(auto version, json.get_int("v"));
  if (version != kRecordVersion) return corrupt("slots record of another version");
  TRY(auto components, json.get_object("components"));
  for (auto const& [name_text, entry] : components.members()) {
    TRY(auto name, ModelName::parse(name_text));
    TRY(auto component, component_of(entry).within(name_text));
    components_.emplace(std::move(name), std::move(component));
  }
  return {};
}

/// For whoever looks into it; nothing that it says is believed.
auto ModelSlots::put_aside(Error why) -> Result<> {
  TRY_VOID(records_->rename(kRecord, kRefusedRecord));
  TRY_VOID(records_->sync_folder());
  components_.clear();
  refused_ = std::move(why);
  return {};
}

auto ModelSlots::store(ModelName const& name, Component changed) -> Result<> {
  auto components = Json::object();
  for (auto const& [other_name, other] : components_)
    if (other_name != name) components.set(other_name.str(), to_json(other));
  components.set(name.str(), to_json(changed));
  auto const record =
      Json::object({{"v", kRecordVersion}, {"components", std::move(components)}}).dump();
  TRY_VOID(put_sealed_record(*records_, *keys_, kRecord, record));
  components_.insert_or_assign(name, std::move(changed));
  return {};
}

auto ModelSlots::find(ModelName const& component) const -> Component {
  auto const found = components_.find(component);
  return found == components_.end() ? Component{} : found->second;
}

auto ModelSlots::intact(ModelName const& component, int slot, Content const& content) const
    -> Result<> {
  auto const file = slot_file(component, slot);
  auto const size = models_->size(file);
  if (!size && size.error().code == Code::not_found) return corrupt(file + " is gone");
  if (!size) return size.error();
  if (*size != content.length) return corrupt(file + " has another length");
  proto::Sha256Stream stream;
  for (uint64_t offset = 0; offset < content.length;) {
    TRY(auto piece, models_->read(file, offset, kPieceBytes));
    if (piece.empty()) return internal(file + " became shorter");
    stream.add(piece);
    offset += piece.size();
    proto::cleanse(piece);
  }
  if (stream.finish() != content.sha256) return corrupt(file + " is damaged");
  return {};
}

auto ModelSlots::components() const -> std::vector<ModelName> {
  std::vector<ModelName> names;
  for (auto const& [name, component] : components_) names.push_back(name);
  return names;
}

auto ModelSlots::files() const -> std::vector<std::string> {
  std::vector<std::string> names;
  for (auto const& [name, component] : components_)
    for (int slot : {0, 1}) names.push_back(slot_file(name, slot));
  return names;
}

auto ModelSlots::kept_files() const -> std::vector<std::string> {
  std::vector<std::string> names;
  for (auto const& [name, component] : components_) names.push_back(kept_file(name));
  return names;
}

auto ModelSlots::identify(ModelName const& component) const -> proto::ComponentReport {
  auto const held = find(component);
  auto const shown = [](std::optional<Content> const& content) {
    if (!content) return std::optional<proto::SlotContent>();
    return std::optional(proto::SlotContent{content->version.str(), content->sha256});
  };
  proto::ComponentReport report;
  if (held.active >= 0) report.running = shown(held.slots[held.active]);
  report.other = shown(held.slots[inactive(held)]);
  return report;
}

auto ModelSlots::floor(ModelName const& component) const -> uint64_t {
  return find(component).floor;
}

auto ModelSlots::begin(ModelName const& name) -> Result<Standing> {
  auto component = find(name);
  if (component.active < 0 || !component.slots[component.active]) return Standing::settled;
  auto const running = intact(name, component.active, *component.slots[component.active]);
  bool const damaged = !running && running.error().code == Code::corrupt;
  if (!running && !damaged) return running.error();
  if (component.trial && (damaged || component.trial->starts_left == 0)) {
    take_back(component);
    TRY_VOID(store(name, std::move(component)));
    return Standing::reverted;
  }
  if (component.trial) {
    // Counted before the model runs: a crash loop must also count.
    --component.trial->starts_left;
    TRY_VOID(store(name, std::move(component)));
    return Standing::trial;
  }
  if (damaged) {
    auto const other = inactive(component);
    component.slots[component.active].reset();
    component.active =
        component.slots[other] && intact(name, other, *component.slots[other]) ? other : -1;
    TRY_VOID(store(name, std::move(component)));
  }
  return Standing::settled;
}

auto ModelSlots::check(Image const& image, ByteView plain) -> Result<> {
  if (plain.size() != image.length) return invalid("the plaintext has another length");
  return check_(plain);
}

auto ModelSlots::back_up(ModelName const& name) -> Result<> {
  // The active slot is the backup: nothing is copied, but it must be able to come back.
  auto const component = find(name);
  if (component.active < 0 || !component.slots[component.active]) return {};
  return intact(name, component.active, *component.slots[component.active]);
}

/// The other slot holds nothing any more by the record, before its file is touched.
auto ModelSlots::void_other(ModelName const& name) -> Result<std::string> {
  auto component = find(name);
  if (component.trial) return conflict("a trial is under way");
  auto const slot = inactive(component);
  if (component.slots[slot] || !components_.contains(name)) {
    component.slots[slot].reset();
    TRY_VOID(store(name, std::move(component)));
  }
  return slot_file(name, slot);
}

auto ModelSlots::adopt(Image const& image, std::string_view file) -> Result<> {
  TRY(auto const slot_name, void_other(image.component));
  TRY_VOID(models_->rename(file, slot_name));
  return models_->sync_folder();
}

auto ModelSlots::write(Image const& image, ByteView plain) -> Result<> {
  TRY(auto const file, void_other(image.component));
  TRY_VOID(models_->remove(file));
  TRY_VOID(write_pieces(file, plain, 0));
  TRY_VOID(models_->sync(file));
  return models_->sync_folder();
}

auto ModelSlots::verify(Image const& image) -> Result<> {
  auto component = find(image.component);
  auto const slot = inactive(component);
  Content const content{image.version, image.release_counter, image.length, image.sha256};
  auto read_back = intact(image.component, slot, content);
  if (!read_back && read_back.error().code != Code::corrupt) return read_back;
  // Shown only while it is what the record says.
  component.slots[slot] = read_back ? std::optional(content) : std::nullopt;
  TRY_VOID(store(image.component, std::move(component)));
  return read_back;
}

auto ModelSlots::held(ModelName const& name, Slot slot) const -> Result<Held> {
  auto const component = find(name);
  auto const index = slot == Slot::running ? component.active : inactive(component);
  if (index < 0 || !component.slots[index]) return not_found("the slot is empty");
  return Held{slot_file(name, index), *component.slots[index]};
}

auto ModelSlots::length(ModelName const& component, Slot slot) const -> Result<uint64_t> {
  TRY(auto const found, held(component, slot));
  return found.content.length;
}

auto ModelSlots::read_part(ModelName const& component, Slot slot, uint64_t offset,
                           uint64_t size_max) const -> Result<Bytes> {
  TRY(auto const found, held(component, slot));
  auto const left = offset < found.content.length ? found.content.length - offset : 0;
  return models_->read(found.file, offset, std::min(size_max, left));
}

auto ModelSlots::read(ModelName const& name, Slot slot) const -> Result<Plaintext> {
  TRY(auto const found, held(name, slot));
  TRY(auto plain, models_->map(found.file));
  if (proto::sha256(plain.view()) != found.content.sha256)
    return corrupt(found.file + " is damaged");
  return plain;
}

auto ModelSlots::read_kept(ModelName const& component) const -> Result<Plaintext> {
  return models_->map(kept_file(component));
}

/// Under its name only when it is whole; whether it is durable does not matter.
auto ModelSlots::write_kept(ModelName const& component, ModelRunner::Kept const& kept) -> Result<> {
  auto const file = kept_file(component);
  auto const aside = file + ".new";
  TRY_VOID(models_->remove(aside));
  TRY_VOID(write_pieces(aside, kept.head, 0));
  TRY_VOID(write_pieces(aside, kept.packed, kept.head.size()));
  TRY_VOID(models_->sync(aside));
  return models_->rename(aside, file);
}

auto ModelSlots::write_pieces(std::string const& file, ByteView bytes, uint64_t at) -> Result<> {
  for (uint64_t done = 0; done < bytes.size(); done += kPieceBytes)
    TRY_VOID(
        models_->write(file, at + done,
                       bytes.subspan(done, std::min<uint64_t>(kPieceBytes, bytes.size() - done))));
  return {};
}

auto ModelSlots::activate(Image const& image) -> Result<> {
  auto component = find(image.component);
  if (component.trial && is(component.slots[component.active], image)) return {};
  if (component.trial) return conflict("another trial is under way");
  auto const slot = inactive(component);
  if (!is(component.slots[slot], image)) return not_found("no slot holds the release any more");
  // This start is the first of them.
  component.trial = Trial{kTrialStarts - 1, component.active};
  component.active = slot;
  return store(image.component, std::move(component));
}

auto ModelSlots::confirm(Image const& image) -> Result<> {
  auto component = find(image.component);
  if (component.active < 0 || !is(component.slots[component.active], image))
    return conflict("another release runs");
  if (!component.trial) return {};
  component.trial.reset();
  component.floor = std::max(component.floor, image.release_counter);
  return store(image.component, std::move(component));
}

void ModelSlots::take_back(Component& component) {
  component.slots[component.active].reset();
  component.active = component.trial->before;
  component.trial.reset();
}

auto ModelSlots::restore(Image const& image) -> Result<> {
  auto component = find(image.component);
  if (component.trial && is(component.slots[component.active], image)) {
    take_back(component);
    return store(image.component, std::move(component));
  }
  auto const slot = inactive(component);
  if (!is(component.slots[slot], image)) return {};
  component.slots[slot].reset();
  return store(image.component, std::move(component));
}

}  // namespace godwit::agent
