// Reading the published vectors of tests/data/vectors.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "proto/json/json.h"

namespace godwit::proto {

inline auto read_vectors(std::string const& path) -> std::string {
  std::ifstream file(GODWIT_TEST_DATA "/vectors/" + path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline auto hex_of(Json const& json, std::string_view key) -> Bytes {
  return *from_hex(*json.get_string(key));
}

/// Calls `check(group, test)` for every case of a Wycheproof file; the file must hold `expected`.
template <typename Check>
void each_wycheproof(std::string const& name, int expected, Check check) {
  auto const file = *Json::parse(read_vectors("wycheproof/" + name + "_test.json"));
  int count = 0;
  for (auto const& group : file.find("testGroups")->items())
    for (auto const& test : group.find("tests")->items()) {
      SCOPED_TRACE(name + " case " + std::to_string(*test.get_int("tcId")) + ": " +
                   *test.get_string("comment"));
      check(group, test);
      ++count;
    }
  std::cout << "Wycheproof " << name << ": " << count << " cases\n";
  EXPECT_EQ(count, expected);
  EXPECT_EQ(count, *file.get_int("numberOfTests"));
}

inline auto is_valid(Json const& test) -> bool {
  return *test.get_string("result") == "valid";
}

}  // namespace godwit::proto
