// Which tensors are predicted from which: across names, order, shapes, rows gained and lost.
#include "server/delta/tables/pairing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "server/delta/tables/find_pairs.h"
#include "tests/unit/server/delta/tables/files.h"

namespace godwit::delta {
namespace {

using Tensors = std::vector<MadeTensor>;

auto pairs_of(Tensors const& from, Tensors const& to) -> std::vector<TensorPair> {
  return find_pairs(safetensors(from), safetensors(to)).pairs;
}

/// The name of what a new tensor is predicted from; "-" for nothing, "?" for no such tensor.
auto source_of(std::vector<TensorPair> const& pairs, std::string_view name) -> std::string {
  for (auto const& pair : pairs)
    if (pair.to.name == name) return pair.from ? pair.from->name : "-";
  return "?";
}

auto tuned(MadeTensor tensor, std::string name) -> MadeTensor {
  tensor.bytes = fine_tuned(std::move(tensor.bytes), 99);
  tensor.name = std::move(name);
  return tensor;
}

Tensors const kOld = {int8_tensor("first", 32, 64, 1), int8_tensor("second", 32, 64, 2),
                      int8_tensor("third", 32, 64, 3), int8_tensor("head", 10, 64, 4)};

TEST(Pairing, ByName) {
  auto const pairs = pairs_of(kOld, {tuned(kOld[0], "first"), tuned(kOld[1], "second"),
                                     tuned(kOld[2], "third"), tuned(kOld[3], "head")});
  ASSERT_EQ(pairs.size(), 4u);
  for (auto const& tensor : kOld) EXPECT_EQ(source_of(pairs, tensor.name), tensor.name);
}

TEST(Pairing, ByContentWhenAllAreRenamedAndReordered) {
  auto const pairs = pairs_of(kOld, {tuned(kOld[2], "x1"), tuned(kOld[3], "x2"),
                                     tuned(kOld[0], "x3"), tuned(kOld[1], "x4")});
  EXPECT_EQ(source_of(pairs, "x1"), "third");
  EXPECT_EQ(source_of(pairs, "x2"), "head");
  EXPECT_EQ(source_of(pairs, "x3"), "first");
  EXPECT_EQ(source_of(pairs, "x4"), "second");
}

TEST(Pairing, NamesThatMovedToOtherLayersDoNotMislead) {
  // A layer was put in front, and the numbers moved on.
  auto const pairs = pairs_of(kOld, {int8_tensor("first", 32, 64, 50), tuned(kOld[0], "second"),
                                     tuned(kOld[1], "third"), tuned(kOld[2], "fourth")});
  EXPECT_EQ(source_of(pairs, "second"), "first");
  EXPECT_EQ(source_of(pairs, "third"), "second");
  EXPECT_EQ(source_of(pairs, "fourth"), "third");
}

TEST(Pairing, WhatTheOldFileHoldsInOtherPlacesIsLeftToTheSearch) {
  // A class more, where a row is an input: each row is as it was, and has one weight more.
  auto wider = kOld[0];
  wider.shape = {32, 65};
  wider.bytes.clear();
  for (size_t row = 0; row < 32; ++row) {
    auto const from = kOld[0].bytes.begin() + static_cast<ptrdiff_t>(row * 64);
    wider.bytes.insert(wider.bytes.end(), from, from + 64);
    wider.bytes.push_back(static_cast<uint8_t>(row * 5));
  }
  auto const pairs = pairs_of(kOld, {wider, tuned(kOld[1], "second")});
  EXPECT_EQ(source_of(pairs, "first"), "?");
  EXPECT_EQ(source_of(pairs, "second"), "second");
}

TEST(Pairing, NumbersNextToZeroAreNoRunsOfTheOldFile) {
  // Channels that are dead hold few numbers, in every order.
  auto const dead = [](std::string const& name, uint32_t cols, uint32_t seed) {
    auto tensor = int8_tensor(name, 80, cols, seed);
    for (size_t i = 0; i + 1 < tensor.bytes.size(); i += 2) {
      if (i / cols % 8 == 0) continue;
      bool const first = tensor.bytes[i] & 1;
      tensor.bytes[i] = first ? 1 : 2;
      tensor.bytes[i + 1] = first ? 0 : 0x80;
    }
    return tensor;
  };
  auto const pairs = pairs_of({dead("old", 64, 3)}, {dead("new", 48, 4)});
  EXPECT_EQ(source_of(pairs, "new"), "-");
}

TEST(Pairing, WhatIsNewHasNoSource) {
  auto to = kOld;
  to.push_back(int8_tensor("more", 7, 33, 9));
  auto const pairs = pairs_of(kOld, to);
  EXPECT_EQ(source_of(pairs, "more"), "-");
  EXPECT_EQ(source_of(pairs, "head"), "head");
}

TEST(Pairing, WhatIsGoneIsNotMissed) {
  auto const pairs = pairs_of(kOld, {tuned(kOld[1], "second"), tuned(kOld[3], "head")});
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(source_of(pairs, "second"), "second");
  EXPECT_EQ(source_of(pairs, "head"), "head");
}

TEST(Pairing, WhatWasReshapedIsTakenInTheNewShape) {
  auto reshaped = tuned(kOld[0], "first");
  reshaped.shape = {64, 32};
  auto const pairs = pairs_of({kOld[0]}, {reshaped});
  ASSERT_EQ(pairs.size(), 1u);
  ASSERT_TRUE(pairs[0].from);
  EXPECT_EQ(pairs[0].from->rows, 64u);
  EXPECT_EQ(pairs[0].from->cols, 32u);
}

struct Rows {
  uint32_t first;
  uint32_t count;
  bool gained;
};
class RowsTest : public testing::TestWithParam<Rows> {};
INSTANTIATE_TEST_SUITE_P(Pairing, RowsTest,
                         testing::Values(Rows{32, 3, true}, Rows{0, 3, true}, Rows{11, 5, true},
                                         Rows{29, 3, false}, Rows{0, 3, false}, Rows{11, 5, false}),
                         [](auto const& rows) {
                           return std::string(rows.param.gained ? "Gained" : "Lost") +
                                  std::to_string(rows.param.first);
                         });

TEST_P(RowsTest, AreFoundWhereverTheyAre) {
  auto const [first, count, gained] = GetParam();
  auto shorter = int8_tensor("w", 32, 64, 1);
  auto longer = shorter;
  if (gained) {
    auto const rows = made_weights(count, 64, 77);
    longer.shape[0] += count;
    longer.bytes.insert(longer.bytes.begin() + first * 64, rows.begin(), rows.end());
  } else {
    shorter.shape[0] -= count;
    shorter.bytes.erase(shorter.bytes.begin() + first * 64,
                        shorter.bytes.begin() + (first + count) * 64);
  }
  auto const& from = gained ? shorter : longer;
  auto to = gained ? longer : shorter;
  to = tuned(to, "w");
  auto const old_file = safetensors({from});
  auto const new_file = safetensors({to});
  auto const pairs = find_pairs(old_file, new_file).pairs;
  uint32_t rows = 0;
  uint32_t rows_without = 0;
  for (auto const& pair : pairs) {
    rows += pair.to.rows;
    if (!pair.from) {
      rows_without += pair.to.rows;
      continue;
    }
    ASSERT_EQ(pair.from->rows, pair.to.rows);
    // Rows that belong together differ by one at most.
    for (uint64_t i = 0; i < size_bytes(pair.to); ++i) {
      int const distance = static_cast<int8_t>(new_file[pair.to.offset + i]) -
                           static_cast<int8_t>(old_file[pair.from->offset + i]);
      ASSERT_LE(std::abs(distance), 1) << "byte " << i << " of " << pair.to.name;
    }
  }
  EXPECT_EQ(rows, to.shape[0]);
  EXPECT_EQ(rows_without, gained ? count : 0);
}

TEST(Guess, FindsRowsOfARawFile) {
  auto const before = made_weights(300, 784, 5);
  auto const found = find_pairs(before, fine_tuned(before, 6));
  EXPECT_EQ(found.kind, "guessed");
  uint64_t covered = 0;
  for (auto const& pair : found.pairs) {
    EXPECT_EQ(pair.to.type, ElementType::int8);
    EXPECT_EQ(pair.to.cols % 784, 0u);
    covered += size_bytes(pair.to);
  }
  EXPECT_GT(covered, before.size() * 9 / 10);
}

/// For each layer: a scale for each row, the weights, integer or float biases for each row.
auto raw_network(bool integers) -> Bytes {
  std::mt19937 random(9);
  Writer file;
  for (auto const& [rows, cols] : {std::pair{32u, 25u}, {64u, 288u}, {10u, 64u}}) {
    for (uint32_t i = 0; i < rows; ++i)
      file.u32(std::bit_cast<uint32_t>(0.001F + static_cast<float>(random() % 100) * 1e-5F));
    file.bytes(made_weights(rows, cols, rows));
    for (uint32_t i = 0; i < rows; ++i) {
      auto const bias = static_cast<int32_t>(random() % 20'000) - 10'000;
      file.u32(integers ? static_cast<uint32_t>(bias)
                        : std::bit_cast<uint32_t>(static_cast<float>(bias) / 5000));
    }
  }
  return std::move(file).take();
}

TEST(Guess, FindsRowsByTheScalesAndBiasesBesideThem) {
  for (bool const integers : {true, false}) {
    auto const file = raw_network(integers);
    std::vector<std::pair<uint32_t, uint32_t>> shapes;
    for (auto const& pair : find_pairs(file, file).pairs)
      if (pair.to.type == ElementType::int8 && pair.to.scales)
        shapes.emplace_back(pair.to.rows, pair.to.cols);
    EXPECT_EQ(shapes, (std::vector<std::pair<uint32_t, uint32_t>>{{32, 25}, {64, 288}, {10, 64}}))
        << (integers ? "integer" : "float") << " biases";
  }
}

TEST(Guess, TellsFloatsByTheirBytes) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.05F);
  Writer wide;
  Writer brain;
  for (int i = 0; i < 40'000; ++i) {
    auto const bits = std::bit_cast<uint32_t>(normal(random));
    wide.u32(bits);
    brain.u16(static_cast<uint16_t>(bits >> 16));
  }
  for (auto const& [file, type] :
       {std::pair(wide.view(), ElementType::fp32), std::pair(brain.view(), ElementType::bf16)}) {
    auto const found = find_pairs(file, file);
    ASSERT_FALSE(found.pairs.empty());
    for (auto const& pair : found.pairs) EXPECT_EQ(pair.to.type, type);
  }
}

TEST(Guess, LeavesFilesOfDifferentSizesAlone) {
  auto const before = made_weights(300, 784, 5);
  EXPECT_TRUE(find_pairs(before, made_weights(299, 784, 5)).pairs.empty());
}

}  // namespace
}  // namespace godwit::delta
