// `godwit delta apply`, killed at random points as often as it takes: the real program, real files.
// GODWIT_KILLS=1000 asks for so many; its seed is printed and GODWIT_SEED repeats it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "proto/format/restartable.h"
#include "server/delta/delta.h"
#include "server/delta/in_place.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

constexpr size_t kFileBytes = 12 * proto::kBlockBytesMax + 1000;

auto number_from(char const* name, uint64_t other) -> uint64_t {
  char const* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : other;
}

auto read(fs::path const& path) -> Bytes {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class KillTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    std::mt19937 random(1);
    Bytes old_file(kFileBytes);
    for (auto& byte : old_file) byte = static_cast<uint8_t>(random());
    new_file_ = old_file;
    // Every block has something of its own to do.
    for (size_t i = 0; i < new_file_.size(); i += 50) ++new_file_[i];
    auto const patch = delta::make_patch(old_file, new_file_, proto::PatchFormat::godwit);
    ASSERT_TRUE(patch) << patch.error().what;
    write("old", old_file);
    write("patch", *patch);
    auto const container = proto::parse_container(*patch, {});
    ASSERT_TRUE(container);
    for (auto const& block : container->blocks) offsets_.push_back(block.new_offset);
    offsets_.push_back(new_file_.size());
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(char const* name, ByteView bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << as_text(bytes);
  }

  /// Starts `godwit delta apply`, which begins to run at once.
  auto start() const -> pid_t { return start({"old", "patch", "made"}); }
  auto start(std::vector<std::string> const& files) const -> pid_t {
    pid_t const child = ::fork();
    if (child != 0) return child;
    int const null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, 1);
    ::dup2(null, 2);
    std::vector<std::string> words = {"godwit", "delta", "apply"};
    for (auto const& file : files)
      words.push_back(file.starts_with("--") ? file : (folder_ / file).string());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(GODWIT_BIN "/godwit", arguments.data());
    ::_exit(127);
  }

  /// Kills runs at random points, again and again, until so many were killed.
  void kill_until_made() const;

  /// Bytes that the next run must make again although they are there.
  auto bytes_redone() const -> uint64_t {
    std::error_code none;
    auto const written = fs::file_size(folder_ / "made.part", none);
    if (none) return 0;
    auto const journal = proto::decode_apply_journal(read(folder_ / "made.journal"));
    uint64_t const kept = journal ? offsets_.at(journal->next_block) : 0;
    return written > kept ? written - kept : 0;
  }

  // In memory where there is a place for it: what a killed program wrote stays in either.
  fs::path folder_ = (fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()) /
                     fs::path("godwit-kill-" + std::to_string(::getpid()));
  Bytes new_file_;
  std::vector<uint64_t> offsets_;  // of the blocks, and the end
};

void KillTest::kill_until_made() const {
  uint64_t const wanted = number_from("GODWIT_KILLS", 100);
  uint64_t const seed = number_from("GODWIT_SEED", std::random_device()());
  std::printf("%llu kills, GODWIT_SEED=%llu\n", static_cast<unsigned long long>(wanted),
              static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);

  // How long one run takes bounds the moments that are worth trying.
  auto const began = std::chrono::steady_clock::now();
  int status = 0;
  ASSERT_EQ(::waitpid(start(), &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0,
            true);
  auto const whole =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - began);
  ASSERT_TRUE(read(folder_ / "made") == new_file_);

  uint64_t kills = 0;
  uint64_t finished = 0;
  while (kills < wanted) {
    fs::remove(folder_ / "made");
    for (bool done = false; !done;) {
      pid_t const child = start();
      std::this_thread::sleep_for(microseconds(random() % static_cast<uint64_t>(whole.count())));
      ::kill(child, SIGKILL);
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      bool const killed = WIFSIGNALED(status);
      kills += killed;
      done = !killed;
      if (killed) {
        ASSERT_LE(bytes_redone(), proto::kBlockBytesMax) << "seed " << seed;
        // Named already, or not there at all: never half a file.
        bool const named = fs::exists(folder_ / "made");
        ASSERT_TRUE(!named || read(folder_ / "made") == new_file_) << "seed " << seed;
        if (kills >= wanted) break;
      } else {
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "seed " << seed;
      }
    }
    if (kills >= wanted) {  // the last one runs to its end
      ASSERT_EQ(::waitpid(start(), &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0,
                true)
          << "seed " << seed;
    }
    ASSERT_TRUE(read(folder_ / "made") == new_file_) << "seed " << seed;
    EXPECT_FALSE(fs::exists(folder_ / "made.part"));
    EXPECT_FALSE(fs::exists(folder_ / "made.journal"));
    ++finished;
  }
  std::printf("%llu files made in spite of %llu kills\n", static_cast<unsigned long long>(finished),
              static_cast<unsigned long long>(kills));
}

TEST_F(KillTest, ApplyingGoesOnWhereverItWasKilled) {
  kill_until_made();
}

TEST_F(KillTest, Bsdiff40GoesOnWhereverItWasKilled) {
  auto const patch =
      delta::make_patch(read(folder_ / "old"), new_file_, proto::PatchFormat::bsdiff);
  ASSERT_TRUE(patch) << patch.error().what;
  write("patch", *patch);
  offsets_.clear();
  for (uint64_t offset = 0; offset < new_file_.size(); offset += proto::kBlockBytesMax)
    offsets_.push_back(offset);
  offsets_.push_back(new_file_.size());
  kill_until_made();
}

TEST_F(KillTest, AFileThatIsRewrittenInPlaceIsFinishedWhereverItWasKilled) {
  uint64_t const wanted = number_from("GODWIT_KILLS", 100);
  uint64_t const seed = number_from("GODWIT_SEED", std::random_device()());
  std::printf("%llu kills, GODWIT_SEED=%llu\n", static_cast<unsigned long long>(wanted),
              static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  auto const old_file = read(folder_ / "old");
  auto const ordered = delta::order_in_place(old_file, new_file_, read(folder_ / "patch"));
  ASSERT_TRUE(ordered) << ordered.error().what;
  write("patch", *ordered);

  int status = 0;
  auto const run = [&] { return start({"--in-place", "only", "patch"}); };
  auto const began = std::chrono::steady_clock::now();
  write("only", old_file);
  ASSERT_EQ(::waitpid(run(), &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0,
            true);
  auto const whole =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - began);
  for (uint64_t kills = 0; kills < wanted;) {
    write("only", old_file);
    for (bool done = false; !done;) {
      pid_t const child = run();
      if (kills < wanted) {
        std::this_thread::sleep_for(microseconds(random() % static_cast<uint64_t>(whole.count())));
        ::kill(child, SIGKILL);
      }
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      kills += WIFSIGNALED(status);
      done = WIFEXITED(status);
      ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "seed " << seed;
    }
    ASSERT_TRUE(read(folder_ / "only") == new_file_) << "seed " << seed;
    EXPECT_FALSE(fs::exists(folder_ / "only.scratch"));
    EXPECT_FALSE(fs::exists(folder_ / "only.journal"));
  }
}

}  // namespace
}  // namespace godwit
