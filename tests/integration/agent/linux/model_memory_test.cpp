// What the kernel says of the pages that models are opened into.
#include "agent/linux/model_memory.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "agent/core/model_files.h"
#include "agent/linux/file_keys.h"
#include "tests/support/process.h"

namespace godwit::agent {
namespace {

constexpr size_t kBytes = 300'000;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLockDoesNothing = true;  // and says that it did
#else
constexpr bool kLockDoesNothing = false;
#endif

/// The lines of /proc/self/smaps about the mapping of an address.
auto facts_of(void const* address) -> std::string {
  auto const wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream file("/proc/self/smaps");
  std::string facts;
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
      here = begin <= wanted && wanted < end;
    if (here) facts += line + "\n";
  }
  return facts;
}

auto number(std::string const& facts, std::string const& name) -> int {
  auto const at = facts.find("\n" + name + ":");
  return at == std::string::npos ? -1 : std::atoi(facts.c_str() + at + name.size() + 2);
}

auto flags(std::string const& facts) -> std::string {
  auto const at = facts.find("VmFlags:");
  return at == std::string::npos ? "" : facts.substr(at, facts.find('\n', at) - at) + " ";
}

TEST(ModelMemory, IsLockedAndLeftOutOfDumps) {
  ModelMemory memory(true);
  auto plain = memory.take(kBytes);
  ASSERT_TRUE(plain);
  auto const facts = facts_of(plain->view().data());
  EXPECT_NE(flags(facts).find(" dd "), std::string::npos) << facts;
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  ASSERT_TRUE(memory.locked() || limit.rlim_max < kBytes);
  if (!memory.locked() || kLockDoesNothing) return;
  EXPECT_NE(flags(facts).find(" lo "), std::string::npos) << facts;
  EXPECT_GE(number(facts, "Locked") * 1024, static_cast<int>(kBytes)) << facts;
}

TEST(ModelMemory, PartsThatNothingReadsGoBackAsZeros) {
  ModelMemory memory(true);
  auto plain = memory.take(kBytes);
  ASSERT_TRUE(plain);
  std::ranges::fill(plain->bytes(), uint8_t{7});
  memory.give_back(*plain, {plain->view().subspan(10'000, 200'000)});
  // Of the pages around it, too, where locking did not part them from these.
  auto const resident = number(facts_of(plain->view().data() + 100'000), "Rss");
  EXPECT_LT(resident * 1024, 120'000);
  EXPECT_EQ(plain->view()[100'000], 0);
  EXPECT_EQ(plain->view()[5'000], 7) << "its neighbours stay";
  EXPECT_EQ(plain->view()[299'999], 7);
}

TEST(ModelMemory, PartsOfAMappedFileGoBackToo) {
  test::TemporaryFolder const folder("mapped");
  auto files = FileStore::open(folder.path().string());
  ASSERT_TRUE(files);
  ASSERT_TRUE(files->write("model", 0, Bytes(kBytes, 7)));
  auto const plain = files->map("model");
  ASSERT_TRUE(plain);
  EXPECT_EQ(std::ranges::count(plain->view(), 7), static_cast<ptrdiff_t>(kBytes));
  ModelMemory(false).give_back(*plain, {plain->view().subspan(10'000, 200'000)});
  EXPECT_LE(number(facts_of(plain->view().data() + 100'000), "Rss"), 0);
  EXPECT_EQ(plain->view()[5'000], 7) << "its neighbours stay";
  EXPECT_EQ(plain->view()[299'999], 7);
  EXPECT_EQ(*files->read("model", 100'000, 1), Bytes{7}) << "and the file";
}

TEST(ModelMemory, IsOrdinaryWhereNothingIsSecret) {
  ModelMemory memory(false);
  auto const plain = memory.take(kBytes);
  ASSERT_TRUE(plain);
  EXPECT_EQ(flags(facts_of(plain->view().data())).find(" dd "), std::string::npos);
}

TEST(ModelMemory, WorksWhereItMayNotLock) {
  if (kLockDoesNothing) return;
  auto const child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Without the superuser's right, and without a limit to lock within.
    rlimit const none{0, 0};
    bool good =
        ::setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (::getuid() != 0 || ::setuid(65534) == 0);
    ModelMemory memory(true);
    auto plain = memory.take(kBytes);
    good = good && plain && !memory.locked();
    if (good) plain->bytes()[kBytes - 1] = 1;
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ModelMemory, ProcessesThatOpenModelsAreNotDumped) {
  auto const child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    forbid_dumps();
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    ::_exit(::prctl(PR_GET_DUMPABLE) == 0 && core.rlim_max == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// The whole way: sealed in the folder, opened once into its place.
TEST(ModelMemory, ASealedModelIsOpenedIntoIt) {
  test::TemporaryFolder const folder("opened");
  auto files = FileStore::open(folder.path().string());
  ASSERT_TRUE(files);
  ASSERT_TRUE(store_whole(*files, identity_file::kSealingKey, proto::SealingKey::generate().pem()));
  auto keys = FileKeys::open(*files, *DeviceId::parse("cam-1"));
  ASSERT_TRUE(keys);
  ModelMemory memory(true);
  ModelFiles models(*files, *keys, memory, ModelFiles::Form::sealed);
  Bytes const content(kBytes, 9);
  ASSERT_TRUE(models.write("slot.ic.a", 0, content));
  auto const plain = models.map("slot.ic.a");
  ASSERT_TRUE(plain);
  EXPECT_TRUE(std::ranges::equal(plain->view(), content));
  EXPECT_NE(flags(facts_of(plain->view().data())).find(" dd "), std::string::npos);
}

}  // namespace
}  // namespace godwit::agent
