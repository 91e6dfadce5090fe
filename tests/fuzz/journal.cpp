// The agent's own records, read back after anything happened to the flash: what is read is written
// as it was, anything else is an error. First byte: which record.
#include <map>

#include "agent/core/journal.h"
#include "agent/install/model_slots.h"

namespace {

using namespace godwit;
using namespace godwit::agent;

/// Files in memory; the model slots' record is the input.
class MemoryFiles : public Files {
 public:
  explicit MemoryFiles(std::string_view record) { files_["slots"] = to_bytes(record); }
  auto size(std::string_view name) const -> Result<uint64_t> override {
    auto const found = files_.find(name);
    if (found == files_.end()) return not_found("no such file");
    return found->second.size();
  }
  auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override {
    auto const found = files_.find(name);
    if (found == files_.end()) return not_found("no such file");
    auto const begin = std::min<uint64_t>(offset, found->second.size());
    auto const end = std::min<uint64_t>(found->second.size() - begin, size_max) + begin;
    return Bytes(found->second.begin() + static_cast<ptrdiff_t>(begin),
                 found->second.begin() + static_cast<ptrdiff_t>(end));
  }
  auto write(std::string_view name, uint64_t, ByteView bytes) -> Result<> override {
    files_[std::string(name)].assign(bytes.begin(), bytes.end());
    return {};
  }
  auto truncate(std::string_view, uint64_t) -> Result<> override { return {}; }
  auto sync(std::string_view) -> Result<> override { return {}; }
  auto rename(std::string_view from, std::string_view to) -> Result<> override {
    files_[std::string(to)] = files_[std::string(from)];
    return {};
  }
  auto remove(std::string_view name) -> Result<> override {
    files_.erase(std::string(name));
    return {};
  }
  auto sync_folder() -> Result<> override { return {}; }

 private:
  std::map<std::string, Bytes, std::less<>> files_;
};

void check_journal(std::string_view text) {
  auto const journal = decode_journal(text);
  if (!journal) return;
  auto const written = encode(*journal);
  auto const again = decode_journal(written);
  CHECK(again && encode(*again) == written);
  if (journal->release) CHECK(!image_of(*journal).component.str().empty());
}

/// A start of the agent: every component is looked at, and no slot runs whose bytes are not there.
void check_slots(std::string_view text) {
  MemoryFiles files(text);
  auto slots = ModelSlots::open(files, [](ByteView) -> Result<> { return {}; });
  if (!slots) return;
  for (auto const& component : slots->components()) {
    auto const standing = slots->begin(component);
    auto const running = slots->read(component, Slot::running);
    // An empty model of length 0 may be named: nothing else can be intact here.
    if (standing && running) CHECK(running->empty());
    CHECK(ModelSlots::open(files, [](ByteView) -> Result<> { return {}; }));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  if (size < 1) return 0;
  std::string_view const text(reinterpret_cast<char const*>(data) + 1, size - 1);
  if (data[0] == 's')
    check_slots(text);
  else
    check_journal(text);
  return 0;
}
