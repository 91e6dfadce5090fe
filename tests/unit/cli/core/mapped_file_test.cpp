// Files that change while they are mapped end in an error, not in a signal.
#include "cli/core/mapped_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace godwit::cli {
namespace {

constexpr size_t kBytes = 300'000;

class MappedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "godwit-map-XXXXXX").string();
    int const file = ::mkstemp(pattern.data());
    ASSERT_GE(file, 0);
    ::close(file);
    path_ = pattern;
    std::ofstream(path_, std::ios::binary) << std::string(kBytes, 'x');
  }
  void TearDown() override { std::filesystem::remove(path_); }
  static auto sum(ByteView bytes) -> uint64_t {
    return std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
  }
  std::string path_;
};

TEST_F(MappedFileTest, ThatStaysIsWhole) {
  auto const mapped = MappedFile::open(path_, kBytes);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(sum(mapped->bytes()), uint64_t{kBytes} * 'x');
  mapped->let_go();
  EXPECT_EQ(sum(mapped->bytes()), uint64_t{kBytes} * 'x');
  EXPECT_TRUE(mapped->check_whole());
  EXPECT_FALSE(MappedFile::open(path_, kBytes - 1));
}

TEST_F(MappedFileTest, ThatBecomesShorterReadsAsZerosAndSaysSo) {
  auto const other = MappedFile::open(path_, kBytes);
  auto const mapped = MappedFile::open(path_, kBytes);
  ASSERT_TRUE(mapped && other);
  std::filesystem::resize_file(path_, 100'000);
  EXPECT_TRUE(mapped->check_whole());  // nothing was read of what went away
  EXPECT_GE(sum(mapped->bytes()), uint64_t{100'000} * 'x');
  EXPECT_EQ(mapped->bytes().back(), 0);
  auto const whole = mapped->check_whole();
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Code::conflict);
  EXPECT_NE(whole.error().what.find("became shorter"), std::string::npos);
  EXPECT_TRUE(other->check_whole());
}

TEST_F(MappedFileTest, ABusErrorOfAnythingElseEndsTheProcessAsEver) {
  EXPECT_EXIT(
      {
        auto const mapped = MappedFile::open(path_, kBytes);
        ::raise(SIGBUS);
        // Raised signals do not come again by themselves: the second one meets the default.
        ::raise(SIGBUS);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace godwit::cli
