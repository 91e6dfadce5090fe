// The self-test's child: this program plays it (its model says how it behaves), and the real agent
// runs a model that wants more memory than there is.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "agent/linux/self_test_child.h"
#include "proto/format/model_write.h"
#include "proto/format/operators.h"
#include "tests/support/pki.h"
#include "tests/support/process.h"

namespace godwit::test {
namespace {

auto run(std::string const& behaviour, int64_t milliseconds = 60'000) -> Result<> {
  agent::SelfTestChild child({.milliseconds = milliseconds, .memory_bytes = 1u << 30});
  return child.run(as_bytes(behaviour));
}

TEST(SelfTest, GoodAndDifferentAreToldApart) {
  EXPECT_TRUE(run("good"));
  EXPECT_EQ(run("differs").error().code, Code::corrupt);
}

TEST(SelfTest, AChildThatCrashesHarmsNobody) {
  for (auto const* behaviour : {"crash", "abort", "exit"})
    EXPECT_EQ(run(behaviour).error().code, Code::internal) << behaviour;
  EXPECT_TRUE(run("good"));
}

TEST(SelfTest, AChildThatHangsIsEnded) {
  EXPECT_EQ(run("hang", 200).error().code, Code::retry);
  EXPECT_TRUE(run("good"));
}

// Sanitizers need more address space than any limit would leave.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/// A valid model whose arena is 200 MiB.
auto hungry_model() -> Bytes {
  using namespace proto;
  constexpr uint32_t kSize = 100u << 20;
  ModelSpec spec;
  for (auto const* name : {"in", "out"}) {
    TensorSpec tensor;
    tensor.name = name;
    tensor.shape = {1, kSize};
    tensor.scales = {1.0f};
    tensor.arena_offset = spec.tensors.empty() ? 0 : kSize;
    spec.tensors.push_back(tensor);
  }
  spec.operators = {{.code = Opcode::reshape, .inputs = {0}, .outputs = {1}, .params = {}}};
  spec.input_count = 1;
  spec.outputs = {1};
  spec.arena_bytes = 2 * kSize;
  spec.golden = Golden{.seed = 1, .rows = 1, .outputs = {}};
  return write_model(spec);
}

TEST(SelfTest, AModelThatEatsTheMemoryEndsInTheChildAlone) {
  TemporaryFolder const folder("hungry");
  auto const model = hungry_model();
  auto const parsed = proto::parse_model(model);
  ASSERT_TRUE(parsed) << parsed.error().what;
  auto const path = (folder.path() / "model").string();
  write_file(path, std::string(as_text(model)));
  auto const program = std::string(GODWIT_BIN) + "/godwit-agent";
  auto const child = [&](char const* memory) {
    return test::run(
        {"env", std::string("GODWIT_SELF_TEST_MEMORY=") + memory, program, "self-test", path});
  };
  // Enough: it runs, and its outputs are not the zeros that it promises.
  EXPECT_EQ(child("2000000000").exit_code, agent::kSelfTestDiffers);
  // Not enough: nothing was compared, so nothing may be said of the outputs.
  auto const hungry = child("100000000");
  EXPECT_NE(hungry.exit_code, agent::kSelfTestGood);
  EXPECT_NE(hungry.exit_code, agent::kSelfTestDiffers) << hungry.output;
}

#endif

/// What the child does with the file that it is given.
auto play(char const* path) -> int {
  std::ifstream file(path);
  std::string const behaviour{std::istreambuf_iterator<char>(file), {}};
  if (behaviour == "good") return agent::kSelfTestGood;
  if (behaviour == "differs") return agent::kSelfTestDiffers;
  if (behaviour == "crash") ::signal(SIGSEGV, SIG_DFL), ::raise(SIGSEGV);
  if (behaviour == "abort") ::signal(SIGABRT, SIG_DFL), ::raise(SIGABRT);
  while (behaviour == "hang") ::pause();
  return 9;
}

}  // namespace
}  // namespace godwit::test

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "self-test") return godwit::test::play(argv[2]);
  ::signal(SIGPIPE, SIG_IGN);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
