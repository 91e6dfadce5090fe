#include "cli/core/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "cli/core/staged_folder.h"

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "godwit-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  auto entries() const -> size_t {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

auto mode_of(fs::path const& path) -> unsigned {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777u;
}

TEST_F(Files, WrittenWholeAndReadBackWithinABound) {
  auto const path = (folder_ / "targets.json").string();
  ASSERT_TRUE(write_file(path, as_bytes("one")));
  ASSERT_TRUE(write_file(path, as_bytes("two")));
  EXPECT_EQ(as_text(*read_file(path, 3)), "two");
  EXPECT_EQ(read_file(path, 2).error().code, Code::invalid);
  EXPECT_EQ(read_file(path + ".none", 2).error().code, Code::not_found);
  EXPECT_FALSE(read_file(folder_.string(), 5));
  EXPECT_FALSE(write_file(folder_.string(), as_bytes("two")));
  EXPECT_EQ(entries(), 1u) << "no temporary file stays";
}

TEST_F(Files, ASecretThatOthersMayReadIsRefused) {
  auto const path = (folder_ / "key").string();
  ASSERT_TRUE(write_file(path, as_bytes("secret"), 0600));
  EXPECT_EQ(mode_of(path), 0600u);
  EXPECT_EQ(*read_secret(path), "secret");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(read_secret(path).error().code, Code::denied);
}

TEST_F(Files, AFolderAppearsWholeOrNotAtAll) {
  auto const path = folder_ / "bundle";
  {
    auto staged = *StagedFolder::create(path);
    ASSERT_TRUE(staged.add_file("deep/a.json", as_bytes("{}"), Access::everybody));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_EQ(entries(), 0u) << "what was not committed is removed";
  auto staged = *StagedFolder::create(path);
  ASSERT_TRUE(staged.add_file("deep/a.json", as_bytes("{}"), Access::everybody));
  ASSERT_TRUE(staged.commit());
  EXPECT_EQ(as_text(*read_file(path / "deep/a.json", 10)), "{}");
  EXPECT_EQ(StagedFolder::create(path).error().code, Code::conflict);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, AnEmptyFolderMayBeFilled) {
  auto const path = folder_ / "keys";
  fs::create_directory(path);
  auto staged = *StagedFolder::create(path / "");
  ASSERT_TRUE(staged.commit());
  EXPECT_TRUE(fs::is_directory(path));
}

}  // namespace
}  // namespace godwit::cli
