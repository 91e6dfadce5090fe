// What operators type, and what they see: transcripts against the real server.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <sstream>

#include "proto/json/json.h"
#include "proto/wire/messages.h"
#include "tests/integration/cli/commands/installation.h"
#include "tests/support/device.h"

namespace godwit::test {
namespace {

/// What differs from run to run, by one name for each kind. A column that was wide stays so.
auto settled(Installation const& installation, std::string text) -> std::string {
  auto const folder = installation.folder().string();
  for (size_t at; (at = text.find(folder)) != std::string::npos;)
    text.replace(at, folder.size(), "FOLDER");
  std::pair<char const*, char const*> const kinds[] = {
      {"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?Z", "TIME"},
      {"[0-9a-f]{64}", "SHA256"},
      {"\\b[0-9]+[smh] ago", "AGE"},
      {"(phase [0-9]+/[0-9]+)  [0-9]+[smh]", "$1  AGE"},
      {"127\\.0\\.0\\.1:[0-9]+", "HOST:PORT"},
      {"\\b[0-9]+\\.[0-9] kB", "SIZE"},
      {"((flash|ram)_bytes +)[0-9]+", "$1SIZE"},
      {" +\n", "\n"}};
  for (auto const& [pattern, name] : kinds)
    text = std::regex_replace(text, std::regex(pattern), name);
  return text;
}

/// Runs each "$ command" of a transcript, and expects what follows it, up to its exit code.
void replay(Installation const& installation, std::string const& name) {
  std::ifstream file(std::string(GODWIT_TEST_DATA) + "/transcripts/" + name);
  ASSERT_TRUE(file) << name;
  std::string expected;
  std::string seen;
  for (std::string line; std::getline(file, line);) {
    expected += line + "\n";
    if (!line.starts_with("$ ")) continue;
    auto const finished = installation.shell(line.substr(2));
    seen += line + "\n" + settled(installation, finished.output);
    if (finished.exit_code != 0) seen += "[exit " + std::to_string(finished.exit_code) + "]\n";
  }
  EXPECT_EQ(seen, expected);
  if (::testing::Test::HasFailure())
    std::ofstream(testing::TempDir() + "transcript-" + name) << seen;
}

class Commands : public testing::Test {
 protected:
  static auto models() -> std::string { return GODWIT_TEST_DATA "/models"; }

  void publish(std::string const& model, std::string const& version, std::string const& parent) {
    auto const line = "godwit model compile " + models() + "/" + model + ".tflite -o " + version +
                      ".gwm && godwit release sign " + version + ".gwm --model ic --version " +
                      version + " --keys keys -o bundle-" + version +
                      (parent.empty() ? "" : " --parent " + parent) + " --notes 'release " +
                      version + "' && godwit release push bundle-" + version;
    auto const finished = installation_.shell(line);
    ASSERT_EQ(finished.exit_code, 0) << finished.output;
  }

  /// Enrols a device, connects it and says what it is.
  auto connect(std::string const& id) -> std::unique_ptr<MqttDevice> {
    auto const own = installation_.enrol(id);
    auto device =
        std::make_unique<MqttDevice>(installation_.broker().device_port(), installation_.folder(),
                                     installation_.server_ca().certificate, own, id);
    proto::Hello hello;
    hello.facts = {.hardware_id = "cam-v2",
                   .arch = "x86_64",
                   .engine_version = 1,
                   .ram_bytes = 64'000'000,
                   .flash_bytes = 4'000'000};
    device->hello(hello);
    EXPECT_TRUE(eventually([&] {
      return installation_.godwit({"-q", "device", "list", "online==true"}).output.find(id) !=
             std::string::npos;
    }));
    return device;
  }

  Installation installation_;
};

TEST_F(Commands, Publish) {
  publish("ic-1", "1.0.0", "");
  publish("ic-2", "1.1.0", "1.0.0");
  replay(installation_, "publish.txt");
}

TEST_F(Commands, ADeltaThatNoDeviceNeedsIsMadeOnRequest) {
  publish("ic-1", "1.0.0", "");
  publish("ic-2", "1.1.0", "");
  auto const none = installation_.godwit({"delta", "show", "ic", "1.0.0", "1.1.0"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_NE(none.output.find("godwit delta request asks for it"), std::string::npos) << none.output;
  auto const viewer = "GODWIT_TOKEN=" + installation_.token_of("viewer") + " godwit ";
  EXPECT_EQ(installation_.shell(viewer + "delta request ic 1.0.0 1.1.0").exit_code, 4);
  auto const asked = installation_.godwit(
      {"-q", "delta", "request", "ic", "1.0.0", "1.1.0", "--format", "bsdiff"});
  EXPECT_EQ(asked.exit_code, 0) << asked.output;
  EXPECT_TRUE(eventually([&] {
    return installation_.godwit({"delta", "show", "ic", "1.0.0", "1.1.0", "-o", "table"})
               .output.find("ready") != std::string::npos;
  }));
  auto const shown = installation_.godwit({"--json", "delta", "show", "ic", "1.0.0", "1.1.0"});
  EXPECT_NE(shown.output.find("\"requested_by\""), std::string::npos) << shown.output;
  EXPECT_EQ(installation_.godwit({"-q", "release", "deltas", "--state", "failed"}).output, "");
  EXPECT_NE(installation_.godwit({"status", "-o", "table"}).output.find("alarms"),
            std::string::npos);
}

TEST_F(Commands, DevicesAndRollouts) {
  publish("ic-1", "1.0.0", "");
  auto const first = connect("cam-1");
  auto const second = connect("cam-2");
  replay(installation_, "rollout.txt");
}

TEST_F(Commands, Refusals) {
  replay(installation_, "refusals.txt");
}

TEST_F(Commands, ARoleThatIsNotEnoughIsNamed) {
  auto const viewer = "GODWIT_TOKEN=" + installation_.token_of("viewer") + " godwit ";
  EXPECT_EQ(installation_.shell(viewer + "device list").exit_code, 0);
  auto const refused = installation_.shell(viewer + "filter set f 'tag==x'");
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_EQ(refused.output,
            "godwit: this needs the role operator; the token 'viewer' has the role viewer; an"
            " administrator makes one: godwit-server token create --role operator\n");
  auto const config = " --config '" + (installation_.folder() / "server.json").string() + "'";
  auto const listed = installation_.shell("godwit-server token list" + config);
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_NE(listed.output.find("\tviewer\tviewer\n"), std::string::npos) << listed.output;
  EXPECT_EQ(installation_.shell("godwit-server token revoke --name viewer" + config).exit_code, 0);
  EXPECT_EQ(installation_.shell(viewer + "device list").exit_code, 4);
}

TEST_F(Commands, BashCompletesCommandsAndNamesOfTheServer) {
  installation_.enrol("cam-1");
  installation_.enrol("cam-2");
  installation_.enrol("door-1");
  auto const complete = [&](std::string const& words, int current) {
    return installation_
        .shell("source <(godwit completion bash); COMP_WORDS=(" + words +
               "); COMP_CWORD=" + std::to_string(current) + "; _godwit; echo \"${COMPREPLY[*]}\"")
        .output;
  };
  EXPECT_EQ(complete("godwit rollo", 1), "rollout\n");
  EXPECT_EQ(complete("godwit device show cam", 3), "cam-1 cam-2\n");
  EXPECT_EQ(complete("godwit --server https://127.0.0.1:1 device show cam", 5), "\n");
  EXPECT_EQ(complete("godwit rollout create --on-failure ''", 4), "stop rollback\n");
}

/// Runs a command on a terminal of its own, whose keyboard types `keys`.
auto on_terminal(Installation const& installation, std::string const& command,
                 std::string const& keys) -> Finished {
  return installation.shell("printf '" + keys +
                            "' | TERM=xterm script -qec \"stty rows 20 cols 60; " + command +
                            "\" /dev/null");
}

TEST_F(Commands, OnATerminalItAsks) {
  installation_.shell("godwit filter set f 'tag==x'");
  auto const no = on_terminal(installation_, "godwit filter delete f", "n\\n");
  EXPECT_EQ(no.exit_code, 3) << no.output;
  EXPECT_NE(no.output.find("This will delete the filter f. Go ahead? [y/N]"), std::string::npos);
  EXPECT_NE(no.output.find("declined; nothing was changed"), std::string::npos);
  EXPECT_EQ(installation_.godwit({"-q", "filter", "list"}).output, "f\n");
  auto const yes = on_terminal(installation_, "godwit filter delete f", "y\\n");
  EXPECT_EQ(yes.exit_code, 0) << yes.output;
  EXPECT_EQ(installation_.godwit({"-q", "filter", "list"}).output, "");
}

TEST_F(Commands, OnATerminalWatchLeavesItAsItWas) {
  publish("ic-1", "1.0.0", "");
  auto const device = connect("cam-1");
  ASSERT_EQ(installation_.godwit({"rollout", "create", "ic", "1.0.0"}).exit_code, 0);
  auto const interrupted = on_terminal(
      installation_, "timeout --foreground --preserve-status -s INT 1 godwit rollout watch 1", "");
  EXPECT_EQ(interrupted.exit_code, 130) << interrupted.output;
  size_t const entered = interrupted.output.find("\x1b[?1049h\x1b[?25l");
  size_t const left = interrupted.output.find("\x1b[?25h\x1b[?1049l");
  ASSERT_NE(entered, std::string::npos);
  ASSERT_NE(left, std::string::npos);
  EXPECT_LT(interrupted.output.find("cam-1", entered), left);

  auto const left_by_key = on_terminal(installation_, "godwit rollout watch 1", "paxaxq");
  EXPECT_EQ(left_by_key.exit_code, 130) << left_by_key.output;
  EXPECT_EQ(installation_.godwit({"-q", "rollout", "show", "1"}).output, "paused\n")
      << "an abort needs its y";
  auto const ended = on_terminal(installation_, "godwit rollout watch 1", "ay");
  EXPECT_EQ(ended.exit_code, 5) << ended.output;
  EXPECT_NE(ended.output.find("cam-1", ended.output.find("\x1b[?1049l")), std::string::npos)
      << "the last page stays: " << ended.output;
}

TEST_F(Commands, WatchFollowsADeviceToTheEndOfItsRollout) {
  publish("ic-1", "1.0.0", "");
  auto const device = connect("cam-1");
  auto const made = installation_.godwit({"-q", "rollout", "create", "ic", "1.0.0"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  auto const release =
      Json::parse(installation_.godwit({"--json", "release", "show", "ic", "1.0.0"}).output);
  ASSERT_TRUE(release);
  auto const hash = Sha256::parse(release->get_string("plain_sha256").value_or(""));
  ASSERT_TRUE(hash);
  auto const hint = device->job();
  ASSERT_TRUE(hint);
  auto const log = installation_.folder() / "watch.log";
  auto words = installation_.environment;
  words.insert(words.begin(), {"env", "-i"});
  for (auto const* word :
       {GODWIT_BIN "/godwit", "--json", "rollout", "watch", "1", "--timeout", "60"})
    words.push_back(word);
  Process watch(words, log);
  ASSERT_TRUE(eventually([&] { return text_of(log).find("\"attempt\"") != std::string::npos; }));
  for (auto const state : {proto::AttemptState::downloading, proto::AttemptState::trial,
                           proto::AttemptState::succeeded}) {
    proto::JobReport report;
    report.attempt = hint->attempt;
    report.rev = hint->rev;
    report.state = state;
    report.component = {.running = {{.version = "1.0.0", .plain_sha256 = *hash}}, .other = {}};
    ASSERT_TRUE(device->report(report)) << to_string(state);
    // The next one only when this one was told: an event tells the state that its attempt has now.
    auto const told = R"("state":")" + std::string(to_string(state)) + '"';
    ASSERT_TRUE(eventually([&] { return text_of(log).find(told) != std::string::npos; })) << told;
  }
  EXPECT_EQ(watch.wait(), 0) << text_of(log);
  std::set<std::string> told;
  std::istringstream lines(text_of(log));
  for (std::string line; std::getline(lines, line);) {
    auto const json = Json::parse(line);
    ASSERT_TRUE(json) << line;
    EXPECT_TRUE(json->find("rollout") || json->find("attempt")) << line;
    EXPECT_TRUE(told.insert(line).second) << "told twice: " << line;
  }
}

}  // namespace
}  // namespace godwit::test
