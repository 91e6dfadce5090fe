// The agent's own records, read back after anything happened to the flash: what is read is written
// as it was, anything else is an error. First byte: which record.
#include "agent/core/journal.h"
#include "agent/install/model_slots.h"
#include "tests/fuzz/memory_files.h"

namespace {

using namespace godwit;
using namespace godwit::agent;

void check_journal(std::string_view text) {
  auto const journal = decode_journal(text);
  if (!journal) return;
  auto const written = encode(*journal);
  auto const again = decode_journal(written);
  CHECK(again && encode(*again) == written);
  if (journal->release) CHECK(!image_of(*journal).component.str().empty());
}

/// Of a device whose agent sealed no records yet: what lies behind the seal is reached.
class Keys : public KeyStore {
 public:
  auto unwrap(proto::WrappedKey const&, Sha256 const&) -> Result<proto::ContentKey> override {
    return denied("no keys here");
  }
  auto lock(proto::ContentKey const& key) -> Result<Bytes> override {
    return proto::seal(key_, {}, key.bytes());
  }
  auto unlock(ByteView locked) -> Result<proto::ContentKey> override {
    TRY(auto const raw, proto::unseal(key_, {}, locked));
    return proto::ContentKey::from_bytes(raw);
  }
  auto seals_records() const -> bool override { return seals_; }
  auto begin_sealing_records() -> Result<> override {
    seals_ = true;
    return {};
  }

 private:
  proto::ContentKey key_ = *proto::ContentKey::from_bytes(Bytes(32));
  bool seals_ = false;
};

/// A start of the agent: every component is looked at, and no slot runs whose bytes are not there.
void check_slots(std::string_view text) {
  MemoryFiles files("slots", as_bytes(text));
  Keys keys;
  auto const open = [&] {
    return ModelSlots::open(files, keys, files, [](ByteView) -> Result<> { return {}; });
  };
  auto slots = open();
  if (!slots) return;
  CHECK(!slots->refused() || slots->components().empty());
  CHECK(keys.begin_sealing_records());
  for (auto const& component : slots->components()) {
    auto const standing = slots->begin(component);
    auto const running = slots->read(component, Slot::running);
    // An empty model of length 0 may be named: nothing else can be intact here.
    if (standing && running) CHECK(running->view().empty());
    auto const again = open();
    CHECK(again && !again->refused());
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
