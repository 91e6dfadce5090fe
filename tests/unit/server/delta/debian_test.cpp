// Both ways with the programs of Debian's package bsdiff: what we write its bspatch applies, what
// its bsdiff writes we apply.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "proto/format/patch.h"
#include "server/delta/delta.h"
#include "tests/unit/server/delta/corpus.h"

namespace godwit::delta {
namespace {

namespace fs = std::filesystem;

class Debian : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    ASSERT_EQ(std::system("command -v bsdiff bspatch >/dev/null"), 0) << "install package bsdiff";
  }
  void TearDown() override { fs::remove_all(folder_); }

  auto path(char const* name) const -> std::string { return (folder_ / name).string(); }
  void write(char const* name, ByteView bytes) const {
    std::ofstream(path(name), std::ios::binary) << as_text(bytes);
  }
  auto read(char const* name) const -> Bytes {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  /// Runs one of the programs on three files of the folder.
  auto run(char const* program, char const* a, char const* b, char const* c) const -> int {
    auto const command = std::string(program) + " '" + path(a) + "' '" + path(b) + "' '" + path(c) +
                         "' >/dev/null 2>&1";
    return std::system(command.c_str());
  }

  void check(Pair const& pair) const {
    SCOPED_TRACE(pair.name);
    write("old", pair.old_file);
    write("new", pair.new_file);
    auto const ours = make_patch(pair.old_file, pair.new_file, proto::PatchFormat::bsdiff);
    ASSERT_TRUE(ours) << ours.error().what;
    write("ours", *ours);
    ASSERT_EQ(run("bspatch", "old", "made", "ours"), 0);
    EXPECT_TRUE(read("made") == pair.new_file);

    // Debian's bsdiff refuses empty files (it maps them); its bspatch does not.
    if (pair.old_file.empty() || pair.new_file.empty()) return;
    ASSERT_EQ(run("bsdiff", "old", "new", "theirs"), 0);
    auto const theirs = read("theirs");
    auto const made = proto::apply_patch(pair.old_file, theirs, {});
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_TRUE(*made == pair.new_file);
    EXPECT_LE(ours->size(), theirs.size() + theirs.size() / 50 + 16);
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("godwit-delta-" + std::to_string(::getpid()));
};

TEST_F(Debian, AgreesOnTheRealHistory) {
  for (Pair const& pair : history_pairs()) check(pair);
}

TEST_F(Debian, AgreesOnMadeFiles) {
  for (Pair const& pair : made_pairs()) check(pair);
}

}  // namespace
}  // namespace godwit::delta
