#include "cli/commands/complete.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/commands/program.h"

namespace godwit::cli {
namespace {

class Complete : public testing::Test {
 protected:
  Complete() { build_program(app_, context_); }

  auto texts(std::vector<std::string> const& words) const -> std::vector<std::string> {
    std::vector<std::string> out;
    for (auto const& candidate : complete(app_, words).candidates) out.push_back(candidate.text);
    return out;
  }
  auto kind(std::vector<std::string> const& words) const -> std::string {
    return complete(app_, words).kind;
  }

  std::ostringstream out_;
  Context context_{out_, out_};
  CLI::App app_;
};

using Words = std::vector<std::string>;

TEST_F(Complete, Commands) {
  EXPECT_EQ(texts({"roll"}), Words{"rollout"});
  EXPECT_EQ(texts({"rollout", "p"}), Words{"pause"});
  EXPECT_EQ(texts({"--json", "-y", "rollout", "p"}), Words{"pause"});
  EXPECT_EQ(texts({"--server", "rollout", "dev"}), Words{"device"});
  EXPECT_EQ(texts({"__"}), Words{}) << "hidden";
}

TEST_F(Complete, OptionsOfTheCommandAndOfTheProgram) {
  EXPECT_EQ(texts({"rollout", "create", "--no-s"}), Words{"--no-start"});
  EXPECT_EQ(texts({"rollout", "create", "--ser"}), Words{"--server"});
  EXPECT_EQ(texts({"rollout", "create", "--", "--no-s"}), Words{});
}

TEST_F(Complete, ValuesOfOptions) {
  EXPECT_EQ(texts({"rollout", "create", "--on-failure", "r"}), Words{"rollback"});
  EXPECT_EQ(texts({"-o", "js"}), (Words{"json", "jsonl"}));
  EXPECT_EQ(kind({"device", "list", "--ca", ""}), "FILE");
  EXPECT_EQ(kind({"device", "list", "--ca=x", ""}), "FIQL");
}

TEST_F(Complete, PositionalsInTheirOrder) {
  EXPECT_EQ(kind({"rollout", "create", ""}), "MODEL");
  EXPECT_EQ(kind({"rollout", "create", "ic", ""}), "VERSION");
  EXPECT_EQ(complete(app_, {"rollout", "create", "ic", ""}).positionals, Words{"ic"});
  EXPECT_EQ(kind({"rollout", "create", "ic", "1.0.0", ""}), "");
  EXPECT_EQ(kind({"device", "tag", "cam-1", "a", "b", ""}), "TAG");
  EXPECT_EQ(complete(app_, {"--context", "lab", "device", "show", ""}).options.at("context"),
            "lab");
}

TEST_F(Complete, EveryCommandAndOptionIsDescribed) {
  std::vector<CLI::App const*> open = {&app_};
  while (!open.empty()) {
    auto const* command = open.back();
    open.pop_back();
    EXPECT_NE(command->get_description(), "") << command->get_name();
    for (auto const* option : command->get_options())
      EXPECT_NE(option->get_description(), "") << command->get_name() << option->get_name();
    for (auto const* sub : command->get_subcommands([](CLI::App const*) { return true; }))
      open.push_back(sub);
  }
}

}  // namespace
}  // namespace godwit::cli
