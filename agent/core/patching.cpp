#include "agent/core/patching.h"

#include <algorithm>

#include "agent/core/records.h"
#include "agent/core/sources.h"
#include "proto/format/restartable_bsdiff.h"
#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

constexpr std::string_view kJournalRecord = "patching";

/// What a delta makes: the last one the file that is installed, others what the next starts from.
auto result_file(size_t part, size_t parts) -> std::string {
  if (part + 1 == parts) return std::string(kPatchedFile);
  return std::string(kPatchedFile) + "." + std::to_string(part);
}

auto storage(Error const& error) -> Error {
  return internal(error.what);
}

auto read_from(Files const& files, std::string name) -> WindowSource::Read {
  return [&files, name = std::move(name)](uint64_t offset, uint64_t size_max) {
    return files.read(name, offset, size_max);
  };
}

/// The growing result and the journal beside it.
class FolderStore final : public proto::BlockStore {
 public:
  FolderStore(Files& records, Files& models, std::string name, StorageError& error)
      : files_(records), models_(models), name_(std::move(name)), error_(error) {}

  auto write_block(uint64_t offset, ByteView bytes) -> Result<> override {
    auto written = models_.write(name_, offset, bytes);
    if (written) written = models_.sync(name_);
    if (written && offset == 0) written = models_.sync_folder();
    return kept(std::move(written));
  }
  auto read_block(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    auto bytes = models_.read(name_, offset, out.size());
    // What was torn is not there: the block is made again.
    if (!bytes && bytes.error().code == Code::corrupt) return not_found(bytes.error().what);
    if (!bytes && bytes.error().code != Code::not_found) return kept(bytes.error());
    if (!bytes || bytes->size() < out.size()) return not_found(name_ + " holds less");
    std::copy(bytes->begin(), bytes->end(), out.begin());
    proto::cleanse(*bytes);
    return {};
  }
  auto write_journal(ByteView record) -> Result<> override {
    return kept(put_record(files_, kJournalRecord, record));
  }
  auto read_journal() -> Result<Bytes> override {
    auto record = get_record(files_, kJournalRecord);
    if (!record && record.error().code == Code::not_found) return Bytes();
    if (!record) error_ = storage(record.error());
    return record;
  }

 private:
  auto kept(Result<> result) -> Result<> {
    if (!result) error_ = storage(result.error());
    return result;
  }

  Files& files_;
  Files& models_;
  std::string name_;
  StorageError& error_;
};

}  // namespace

/// Everything that one delta needs stays where it is: parts refer to one another.
struct Patching::Stage {
  Stage(Ports const& ports, size_t number, std::string name, WindowSource::Read read_base)
      : part(number),
        file(std::move(name)),
        old_file(std::move(read_base), error),
        store(ports.files, ports.models, file, error) {}
  size_t part;
  std::string file;
  StorageError error;
  WindowSource old_file;
  uint64_t old_bytes = 0;
  FolderStore store;
  std::unique_ptr<SealedSource> patch;
  std::unique_ptr<proto::BlockwiseApply> apply;
};

Patching::Patching(Ports const& ports, ModelName component, Artifact wanted, Slot base,
                   Limits limits)
    : ports_(ports),
      component_(std::move(component)),
      wanted_(std::move(wanted)),
      base_(base),
      limits_(limits) {}
Patching::~Patching() = default;

auto Patching::result_files() -> std::vector<std::string> {
  std::vector<std::string> names;
  for (size_t part = 0; part < proto::kDeltaStepsMax; ++part)
    names.push_back(result_file(part, proto::kDeltaStepsMax));
  return names;
}

auto Patching::discard(Ports const& ports) -> Result<> {
  bool removed = false;
  auto const remove = [&](Files& files, std::string_view name) -> Result<> {
    if (auto const size = files.size(name); !size && size.error().code == Code::not_found)
      return {};
    removed = true;
    return files.remove(name);
  };
  TRY_VOID(remove(ports.files, kJournalRecord));
  for (auto const& name : result_files()) TRY_VOID(remove(ports.models, name));
  return removed ? ports.files.sync_folder() : Result<>();
}

auto Patching::percent() const -> uint32_t {
  if (!stage_ || !stage_->apply) return 0;
  uint64_t const whole = std::max<uint64_t>(stage_->apply->new_bytes(), 1);
  uint64_t const here = stage_->apply->bytes() * 100 / whole;
  return static_cast<uint32_t>((stage_->part * 100 + here) / wanted_.parts.size());
}

auto Patching::step() -> Result<bool> {
  auto done = work();
  if (done) return done;
  auto error = stage_ && stage_->error ? *stage_->error : done.error();
  // Taken up again where the journal says.
  if (error.code == Code::internal) stage_.reset();
  return error;
}

auto Patching::work() -> Result<bool> {
  if (!stage_) {
    auto const part = first_part();
    auto opened = open_stage(part);
    // What a delta before made is not what it was: from the beginning.
    if (!opened && part > 0 && !stage_->error) opened = open_stage(0);
    TRY_VOID(std::move(opened));
    return false;
  }
  if (stage_->apply->done()) return end_stage();
  TRY_VOID(stage_->apply->step());
  return false;
}

/// The delta that the journal is of.
auto Patching::first_part() const -> size_t {
  auto const record = get_record(ports_.files, kJournalRecord);
  if (!record) return 0;
  auto const journal = proto::decode_apply_journal(*record);
  for (size_t part = 0; journal && part < wanted_.parts.size(); ++part)
    if (journal->patch == wanted_.parts[part].sha256) return part;
  return 0;
}

auto Patching::open_stage(size_t part) -> Result<> {
  auto const& installer = ports_.installer;
  auto const parts = wanted_.parts.size();
  auto const base_file = part == 0 ? "" : result_file(part - 1, parts);
  auto read_base = part == 0 ? WindowSource::Read([this](uint64_t offset, uint64_t size_max) {
    return ports_.installer.read_part(component_, base_, offset, size_max);
  })
                             : read_from(ports_.models, base_file);
  stage_ = std::make_unique<Stage>(ports_, part, result_file(part, parts), std::move(read_base));
  auto const old_bytes =
      part == 0 ? installer.length(component_, base_) : ports_.models.size(base_file);
  if (!old_bytes) return conflict("the delta's base is gone: " + old_bytes.error().what);
  stage_->old_bytes = *old_bytes;

  auto const& sealed = wanted_.parts[part];
  auto const key = ports_.keys.unwrap(sealed.key, sealed.sha256);
  if (!key) return denied(key.error().what);
  uint64_t offset = 0;
  for (size_t before = 0; before < part; ++before) offset += wanted_.parts[before].length;
  TRY(stage_->patch,
      SealedSource::open(ports_.files,
                         {.file = kDownloadFile, .offset = offset, .bytes = sealed.length}, *key,
                         sealed.aad, stage_->error));
  std::array<uint8_t, 8> magic{};
  TRY_VOID(stage_->patch->read(0, magic));
  TRY(auto const format, proto::detect_patch(magic));
  return format == proto::PatchFormat::godwit ? begin_container() : begin_bsdiff();
}

auto Patching::limit_of(size_t part) const -> proto::PatchLimits {
  bool const last = part + 1 == wanted_.parts.size();
  return {.new_bytes_max = last ? limits_.new_bytes_max : limits::kModelBytesMax};
}

auto Patching::begin_container() -> Result<> {
  auto& stage = *stage_;
  auto const& sealed = wanted_.parts[stage.part];
  TRY(auto apply, proto::RestartableApply::begin({.old_file = stage.old_file,
                                                  .old_bytes = stage.old_bytes,
                                                  .patch = *stage.patch,
                                                  .patch_bytes = stage.patch->plain_bytes(),
                                                  .patch_sha256 = sealed.sha256},
                                                 limit_of(stage.part), stage.store));
  if (apply.container().new_sha256 != sealed.result)
    return corrupt("the delta makes something else than its offer says");
  return begin(std::make_unique<proto::RestartableApply>(std::move(apply)));
}

/// The patch itself names neither file: its offer does.
auto Patching::begin_bsdiff() -> Result<> {
  auto& stage = *stage_;
  auto const& sealed = wanted_.parts[stage.part];
  TRY(auto const base, proto::sha256_of(stage.old_file, stage.old_bytes));
  if (base != sealed.base) return conflict("the delta was made for another base");
  TRY(auto apply, proto::RestartableBsdiff::begin(
                      {.old_file = stage.old_file,
                       .old_bytes = stage.old_bytes,
                       .patch = *stage.patch,
                       .patch_bytes = stage.patch->plain_bytes(),
                       .patch_sha256 = sealed.sha256,
                       .old_is_checked = true},
                      {.new_sha256 = sealed.result, .block_bytes = limits_.bsdiff_block_bytes},
                      limit_of(stage.part), stage.store));
  return begin(std::make_unique<proto::RestartableBsdiff>(std::move(apply)));
}

auto Patching::begin(std::unique_ptr<proto::BlockwiseApply> apply) -> Result<> {
  // What another attempt left may be longer.
  if (apply->resumed().block == 0) {
    if (auto removed = ports_.models.remove(stage_->file); !removed)
      return storage(removed.error());
  }
  stage_->apply = std::move(apply);
  return {};
}

auto Patching::end_stage() -> Result<bool> {
  auto const part = stage_->part;
  auto whole = stage_->apply->finish();
  bool const went_on = stage_->apply->resumed().block > 0;
  // Storage that lied about what was durable: once more, and all of it.
  if (!whole && whole.error().code == Code::corrupt && went_on) return begin_anew();
  TRY_VOID(std::move(whole));
  if (part + 1 == wanted_.parts.size()) return true;
  TRY_VOID(open_stage(part + 1));
  return false;
}

auto Patching::begin_anew() -> Result<bool> {
  if (auto removed = ports_.files.remove(kJournalRecord); !removed) return storage(removed.error());
  TRY_VOID(open_stage(stage_->part));
  return false;
}

}  // namespace godwit::agent
