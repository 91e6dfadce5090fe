// Which tensor of a file is which of a network: by name, by what it holds, by its shape.
#include "compiler/requantise/float_weights.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/compiler/requantise/network.h"

namespace godwit::compiler {
namespace {

auto tensor(std::string name, std::vector<uint32_t> shape, uint32_t seed) -> FloatTensor {
  FloatTensor made{.name = std::move(name), .shape = std::move(shape), .values = {}};
  size_t count = 1;
  for (uint32_t const extent : made.shape) count *= extent;
  Numbers numbers(seed);
  while (made.values.size() < count) made.values.push_back(numbers.next());
  return made;
}

/// As after training: every value a little elsewhere.
auto trained(FloatTensor made, std::string name) -> FloatTensor {
  Numbers numbers(99);
  for (auto& value : made.values) value += 0.1f * numbers.next();
  made.name = std::move(name);
  return made;
}

/// Axis `i` of the result is axis `order[i]` of the tensor.
auto transposed(FloatTensor const& from, std::vector<size_t> const& order) -> FloatTensor {
  FloatTensor to{.name = from.name, .shape = {}, .values = {}};
  for (size_t const axis : order) to.shape.push_back(from.shape[axis]);
  to.values.resize(from.values.size());
  for (size_t at = 0; at < from.values.size(); ++at) {
    std::vector<size_t> index(from.shape.size());
    size_t rest = at;
    for (size_t d = from.shape.size(); d-- > 0; rest /= from.shape[d])
      index[d] = rest % from.shape[d];
    size_t place = 0;
    for (size_t const axis : order) place = place * from.shape[axis] + index[axis];
    to.values[place] = from.values[at];
  }
  return to;
}

TEST(FloatWeights, ByNameWhateverTheyHold) {
  std::vector<FloatTensor> const network = {tensor("a", {4, 4}, 1), tensor("b", {4, 4}, 2)};
  std::vector<FloatTensor> const weights = {tensor("b", {4, 4}, 3), tensor("a", {4, 4}, 4),
                                            tensor("c", {9}, 5)};
  auto const found = match_weights(network, weights);
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->values[0], weights[1].values);
  EXPECT_EQ(found->values[1], weights[0].values);
  EXPECT_EQ(found->unused, std::vector<std::string>{"c"});
}

TEST(FloatWeights, ByContentWhenAllAreRenamedAndReordered) {
  std::vector<FloatTensor> const network = {tensor("a", {8, 8}, 1), tensor("b", {8, 8}, 2),
                                            tensor("c", {8}, 3), tensor("d", {8}, 4)};
  std::vector<FloatTensor> const weights = {trained(network[3], "x"), trained(network[1], "y"),
                                            trained(network[0], "z"), trained(network[2], "w")};
  auto const found = match_weights(network, weights);
  ASSERT_TRUE(found) << found.error().what;
  size_t const theirs[] = {2, 1, 3, 0};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(found->values[i], weights[theirs[i]].values);
}

struct Case {
  char const* what;
  std::vector<uint32_t> shape;  // of the network
  std::vector<size_t> order;    // from there to the file's
};

TEST(FloatWeights, InTheOrdersOfAxesThatOthersKeep) {
  for (auto const& [what, shape, order] : {
           Case{"filters of PyTorch and ONNX", {6, 3, 5, 4}, {0, 3, 1, 2}},
           Case{"filters of TensorFlow", {6, 3, 5, 4}, {1, 2, 3, 0}},
           Case{"depthwise ones of PyTorch and ONNX", {1, 3, 5, 4}, {3, 0, 1, 2}},
           Case{"a matrix of inputs by outputs", {6, 4}, {1, 0}},
           Case{"a square one", {6, 6}, {1, 0}},
       }) {
    std::vector<FloatTensor> const network = {tensor("a", shape, 1)};
    auto const meant = trained(network[0], "other");
    auto const found = match_weights(network, {transposed(meant, order)});
    ASSERT_TRUE(found) << what << ": " << found.error().what;
    EXPECT_EQ(found->values[0], meant.values) << what;
  }
}

TEST(FloatWeights, TheOnlyOneOfAShapeNeedsNoName) {
  std::vector<FloatTensor> network = {tensor("a", {1, 8}, 1), tensor("b", {4}, 2)};
  std::fill(network[1].values.begin(), network[1].values.end(), 0.0f);  // like nothing
  std::vector<FloatTensor> const weights = {tensor("x", {8}, 3), tensor("y", {4}, 4)};
  auto const found = match_weights(network, weights);
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->values[0], weights[0].values);
  EXPECT_EQ(found->values[1], weights[1].values);
}

TEST(FloatWeights, OfEqualTensorsOneIsEnough) {
  std::vector<FloatTensor> network = {tensor("a", {4}, 1), tensor("b", {4}, 1)};
  auto const found = match_weights(network, {tensor("b", {4}, 2)});
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->values[0], found->values[1]);
}

TEST(FloatWeights, NeverGuessesBetweenTwo) {
  std::vector<FloatTensor> const network = {tensor("a", {8}, 1), tensor("b", {8}, 2)};
  auto const found = match_weights(network, {tensor("x", {8}, 3), tensor("y", {8}, 4)});
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().what.find("no tensor for 'a' (8) of the base"), std::string::npos);
}

}  // namespace
}  // namespace godwit::compiler
