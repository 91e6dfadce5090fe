// JSONTestSuite (tests/data/vectors/json): every file of the suite.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "proto/json/json.h"

namespace godwit {
namespace {

auto read(std::filesystem::path const& path) -> std::string {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(JsonTestSuite, AcceptsAndRefusesAsItSays) {
  int must = 0;
  int duplicates = 0;
  int must_not = 0;
  int may = 0;
  int may_taken = 0;
  for (auto const& entry : std::filesystem::directory_iterator(GODWIT_TEST_DATA "/vectors/json")) {
    auto const name = entry.path().filename().string();
    if (entry.path().extension() != ".json") continue;
    auto const json = Json::parse(read(entry.path()));
    if (name.starts_with("y_object_duplicated_key")) {
      // RFC 8259 leaves them to the reader; in signed documents two readers must not see two
      // things.
      ++duplicates;
      EXPECT_FALSE(json) << name;
    } else if (name.starts_with("y_")) {
      ++must;
      EXPECT_TRUE(json) << name;
    } else if (name.starts_with("n_")) {
      ++must_not;
      EXPECT_FALSE(json) << name;
    } else {
      ++may;
      may_taken += json ? 1 : 0;
    }
    // What is taken is written so that it is read back the same.
    if (json) {
      EXPECT_EQ(*Json::parse(json->dump()), *json) << name;
    }
  }
  std::cout << "JSONTestSuite: " << must << " accepted, " << duplicates
            << " refused for duplicate keys, " << must_not << " refused, " << may_taken << " of "
            << may << " free ones accepted\n";
  EXPECT_EQ(must, 93);
  EXPECT_EQ(duplicates, 2);
  EXPECT_EQ(must_not, 188);
  EXPECT_EQ(may, 35);
}

}  // namespace
}  // namespace godwit
