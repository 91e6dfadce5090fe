// A file that is rewritten in place loses power at every changing operation, in every way, and
// again at operations of the recovery: what comes out is always exactly the new file.
#include "server/delta/in_place.h"

#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "agent/core/records.h"
#include "proto/format/in_place.h"
#include "proto/format/splice.h"
#include "proto/trust/digest.h"
#include "tests/powercut/sim/sim_files.h"

namespace godwit::agent::sim {
namespace {

constexpr uint32_t kBlockBytes = 100;
constexpr int kSecondCutStride = 7;

/// The file, the scratch area and the journal, as files of a folder.
class FolderStore final : public proto::InPlaceStore {
 public:
  explicit FolderStore(SimFiles& files) : files_(files) {}
  auto size() -> Result<uint64_t> override { return files_.size("file"); }
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override {
    return read_from("file", offset, out);
  }
  auto write(uint64_t offset, ByteView bytes) -> Result<> override {
    TRY_VOID(files_.write("file", offset, bytes));
    return files_.sync("file");
  }
  auto resize(uint64_t bytes) -> Result<> override {
    TRY_VOID(files_.truncate("file", bytes));
    return files_.sync("file");
  }
  auto write_scratch(ByteView bytes) -> Result<> override {
    TRY_VOID(files_.write("scratch", 0, bytes));
    TRY_VOID(files_.sync("scratch"));
    return files_.sync_folder();
  }
  auto read_scratch(std::span<uint8_t> out) -> Result<> override {
    return read_from("scratch", 0, out);
  }
  auto write_journal(ByteView record) -> Result<> override {
    return put_record(files_, "journal", record);
  }
  auto read_journal() -> Result<Bytes> override {
    auto record = get_record(files_, "journal");
    if (!record && record.error().code == Code::not_found) return Bytes();
    return record;
  }

 private:
  auto read_from(std::string_view name, uint64_t offset, std::span<uint8_t> out) -> Result<> {
    TRY(auto const bytes, files_.read(name, offset, out.size()));
    if (bytes.size() < out.size()) return not_found("it ends here");
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return {};
  }
  SimFiles& files_;
};

auto noise(size_t count, uint32_t seed) -> Bytes {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

/// Small blocks, each of which reads where `from` says (in bytes, of the block's number).
auto patch_by(Bytes const& old_file, Bytes const& new_file, auto const& from) -> Bytes {
  proto::Container container{.profile = proto::Profile::bytes,
                             .old_bytes = old_file.size(),
                             .new_bytes = new_file.size(),
                             .old_sha256 = proto::sha256(old_file),
                             .new_sha256 = proto::sha256(new_file),
                             .blocks = {}};
  std::vector<Bytes> payloads(new_file.size() / kBlockBytes + 1);
  for (size_t at = 0; at < new_file.size(); at += kBlockBytes) {
    auto const made =
        ByteView(new_file).subspan(at, std::min<size_t>(kBlockBytes, new_file.size() - at));
    auto const number = static_cast<uint32_t>(at / kBlockBytes);
    uint64_t const old_at = std::min<uint64_t>(from(number), old_file.size());
    auto const add =
        static_cast<uint32_t>(std::min<uint64_t>(made.size(), old_file.size() - old_at));
    Bytes diff(made.begin(), made.begin() + add);
    for (size_t i = 0; i < add; ++i) diff[i] = static_cast<uint8_t>(diff[i] - old_file[old_at + i]);
    proto::Instruction const whole{
        .add = add, .literal = static_cast<uint32_t>(made.size()) - add, .seek = 0};
    for (auto const& stream :
         {proto::write_instructions({&whole, 1}), diff, Bytes(made.begin() + add, made.end())})
      proto::write_stream(payloads[number], proto::StreamCodec::stored, stream.size(), stream);
    container.blocks.push_back({.new_offset = at,
                                .new_bytes = static_cast<uint32_t>(made.size()),
                                .operation = proto::BlockOperation::splice,
                                .old_offset = old_at,
                                .payload = payloads[number],
                                .check = proto::block_check(made)});
  }
  return proto::write_container(container);
}

struct Rewrite {
  std::string name;
  Bytes old_file;
  Bytes new_file;
  Bytes patch;  // with an order
};
auto operator<<(std::ostream& out, Rewrite const& rewrite) -> std::ostream& {
  return out << rewrite.name;
}

auto rewrite(std::string name, size_t old_bytes, size_t new_bytes, auto const& from) -> Rewrite {
  Rewrite made{std::move(name), noise(old_bytes, 1), noise(new_bytes, 2), {}};
  auto const plain = patch_by(made.old_file, made.new_file, from);
  auto ordered = delta::order_in_place(made.old_file, made.new_file, plain);
  CHECK(ordered);
  made.patch = *std::move(ordered);
  return made;
}

auto rewrites() -> std::vector<Rewrite> {
  constexpr uint64_t kB = kBlockBytes;
  return {
      rewrite("in_its_place", 1000, 1000, [](uint64_t n) { return n * kB; }),
      rewrite("moved_back", 1000, 1130, [](uint64_t n) { return n * kB < 130 ? 0 : n * kB - 130; }),
      rewrite("moved_forward", 1000, 870, [](uint64_t n) { return n * kB + 130; }),
      rewrite("turned_round", 1000, 1000, [](uint64_t n) { return (9 - n) * kB; }),
      rewrite("in_a_circle", 1000, 1000, [](uint64_t n) { return (n + 3) % 10 * kB; }),
      rewrite("all_from_one_place", 700, 1500, [](uint64_t) { return uint64_t{650}; }),
      rewrite("shorter", 1500, 640, [](uint64_t n) { return n * 150; }),
      rewrite("from_nothing", 0, 500, [](uint64_t) { return uint64_t{0}; }),
      rewrite("to_nothing", 500, 0, [](uint64_t) { return uint64_t{0}; }),
  };
}

class InPlace : public testing::TestWithParam<Rewrite> {
 protected:
  auto device() const -> SimFiles {
    SimFiles files;
    CHECK(files.write("file", 0, GetParam().old_file) && files.sync("file") && files.sync_folder());
    return files;
  }
  auto apply(SimFiles& files) const -> Result<proto::Resumed> {
    FolderStore store(files);
    proto::ViewSource patch(GetParam().patch);
    return proto::apply_in_place({.patch = patch,
                                  .patch_bytes = GetParam().patch.size(),
                                  .patch_sha256 = proto::sha256(GetParam().patch)},
                                 {}, store, [](size_t) {});
  }
  void expect_new(SimFiles& files) const {
    auto const applied = apply(files);
    ASSERT_TRUE(applied) << applied.error().what;
    ASSERT_EQ(*files.read("file", 0, 1 << 20), GetParam().new_file);
  }
};

TEST_P(InPlace, IsExactWhereverPowerIsLost) {
  auto whole = device();
  int const before = whole.operations();
  ASSERT_NO_FATAL_FAILURE(expect_new(whole));
  int const count = whole.operations() - before;
  int cuts = 0;
  for (auto const loss : kLosses)
    for (int cut = 1; cut <= count; ++cut) {
      SCOPED_TRACE(std::string(to_string(loss)) + " at operation " + std::to_string(cut));
      auto files = device();
      files.cut_at(cut, loss);
      ASSERT_FALSE(apply(files));
      files.power_on();
      auto const after = files;
      ASSERT_NO_FATAL_FAILURE(expect_new(files));
      ++cuts;
      for (int again = 1 + cut % kSecondCutStride;; again += kSecondCutStride, ++cuts) {
        SCOPED_TRACE("and at operation " + std::to_string(again) + " after it");
        auto second = after;
        second.cut_at(again, loss);
        if (apply(second)) break;
        second.power_on();
        ASSERT_NO_FATAL_FAILURE(expect_new(second));
      }
    }
  std::cout << GetParam().name << ": " << count << " operations, " << cuts << " cuts\n";
}

TEST_P(InPlace, BeginsOnlyWithTheFileThatThePatchIsFor) {
  if (GetParam().old_file.empty()) return;
  auto files = device();
  files.damage("file", 7);
  auto const before = files.operations();
  auto const applied = apply(files);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Code::conflict);
  EXPECT_EQ(files.operations(), before) << "nothing was written";
}

TEST_P(InPlace, StillAppliesToACopy) {
  auto const made = proto::apply_patch(GetParam().old_file, GetParam().patch, {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(*made, GetParam().new_file);
}

INSTANTIATE_TEST_SUITE_P(All, InPlace, testing::ValuesIn(rewrites()),
                         [](auto const& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace godwit::agent::sim
