// A file of a model after anything happened to the flash: it reads as something or not at all, is
// converted without loss, and can be written over. Every key opens, so that what lies behind it is
// reached.
#include "agent/core/model_files.h"

#include "tests/fuzz/memory_files.h"

namespace {

using namespace godwit;
using namespace godwit::agent;

constexpr auto kFile = "slot.ic.a";
constexpr uint64_t kAll = 1u << 20;

class AnyKey : public KeyStore {
 public:
  auto unwrap(proto::WrappedKey const&, Sha256 const&) -> Result<proto::ContentKey> override {
    return denied("no keys here");
  }
  auto lock(proto::ContentKey const&) -> Result<Bytes> override { return Bytes(4); }
  auto unlock(ByteView) -> Result<proto::ContentKey> override {
    return proto::ContentKey::from_bytes(Bytes(32));
  }
  auto seals_records() const -> bool override { return false; }
  auto begin_sealing_records() -> Result<> override { return {}; }
};

/// Its own writing opens under the key that it has here.
void check_writing(ModelFiles& files) {
  Bytes const content(100, 7);
  if (!files.write(kFile, 0, content)) return;
  auto const size = files.size(kFile);
  CHECK(size && *size >= content.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  AnyKey keys;
  HeapMemory memory;
  MemoryFiles folder(kFile, {data, size});
  ModelFiles sealed(folder, keys, memory, ModelFiles::Form::sealed);
  auto const bytes = sealed.size(kFile);
  auto const whole = sealed.read(kFile, 0, kAll);
  if (whole) CHECK(bytes && whole->size() == *bytes && whole->size() <= size);
  auto const mapped = sealed.map(kFile);
  CHECK(bool(mapped) == bool(whole));
  if (whole) CHECK(std::equal(whole->begin(), whole->end(), mapped->view().begin()));
  for (uint64_t offset : {uint64_t{1}, uint64_t{4063}, uint64_t{size / 2}}) {
    auto const part = sealed.read(kFile, offset, 5000);
    if (whole && part && offset < whole->size())
      CHECK(
          std::equal(part->begin(), part->end(), whole->begin() + static_cast<ptrdiff_t>(offset)));
  }
  ModelFiles plain(folder, keys, memory, ModelFiles::Form::plain);
  auto const converted = plain.convert(kFile);
  CHECK(whole || !converted || !*converted);
  if (whole) {
    auto const again = plain.read(kFile, 0, kAll);
    CHECK(again && *again == *whole);
  }
  ModelFiles after(folder, keys, memory, ModelFiles::Form::sealed);
  check_writing(after);
  return 0;
}
