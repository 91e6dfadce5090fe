// Enrolment: keys are kept over every failure, an identity exists only when the server gave all of
// it.
#include "agent/linux/enrol.h"

#include <gtest/gtest.h>

#include "tests/integration/cli/client/scripted_server.h"
#include "tests/support/process.h"

namespace godwit::test {
namespace {

class EnrolTest : public testing::Test {
 protected:
  EnrolTest() { write_file(folder_.path() / "ca.crt", ca_.certificate); }

  auto enrol(Scripted const& scripted) -> Result<agent::Endpoints> {
    ScriptedServer server(issue(ca_, "server", true), {scripted});
    agent::AgentConfig const config{
        .state_dir = folder_.path().string(),
        .device = *DeviceId::parse("cam-1"),
        .server_url = "https://127.0.0.1:" + std::to_string(server.port()),
        .server_ca = (folder_.path() / "ca.crt").string(),
        .enrolment_token = "gwe_0",
        .facts = {"cam-v2", "x86_64", 1, 0, 0}};
    auto files = agent::FileStore::open(identity_);
    EXPECT_TRUE(files);
    auto enrolled = agent::enrol(config, *files, -1);
    requests = server.requests();
    return enrolled;
  }
  auto code(std::string const& answer) -> std::optional<Code> {
    auto const enrolled = enrol({.answer = answer});
    EXPECT_FALSE(std::filesystem::exists(identity_ / "endpoints.json"));
    return enrolled ? std::nullopt : std::optional(enrolled.error().code);
  }
  auto key() const -> std::string { return text_of(identity_ / "device.key"); }

  std::vector<std::string> requests;

 private:
  TemporaryFolder folder_{"enrol"};
  Credentials ca_ = make_ca("servers");

 protected:
  std::filesystem::path identity_ = folder_.path() / "identity";
};

auto good_answer() -> Json {
  return Json::object({{"device_id", "cam-1"},
                       {"certificate", "PEM"},
                       {"ca", "PEM"},
                       {"device_url", "https://127.0.0.1:1"},
                       {"mqtt", Json::object({{"host", "127.0.0.1"}, {"port", 8883}})}});
}

TEST_F(EnrolTest, EveryFailureLeavesTheSameKeysAndNoIdentity) {
  EXPECT_EQ(code(http(503, "")), Code::retry);
  auto const first = key();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(code(http(403, R"({"detail":"the token is used up"})")), Code::denied);
  EXPECT_EQ(code(http(409, "")), Code::conflict);
  EXPECT_EQ(code(http(400, "")), Code::invalid);
  EXPECT_EQ(code("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"), Code::retry);
  EXPECT_EQ(code(http(201, "{")), Code::invalid);
  EXPECT_EQ(code(http(201, "[]")), Code::invalid);
  EXPECT_EQ(code(http(201, std::string(100'000, ' '))), Code::corrupt);
  for (auto const* missing : {"certificate", "ca", "device_url", "mqtt", "device_id"}) {
    auto answer = good_answer();
    answer.set(missing, nullptr);
    EXPECT_NE(code(http(201, answer.dump())), std::nullopt) << missing;
  }
  EXPECT_EQ(key(), first);
  auto const enrolled = enrol({.answer = http(201, good_answer().dump())});
  ASSERT_TRUE(enrolled) << enrolled.error().what;
  EXPECT_EQ(key(), first);
  EXPECT_TRUE(std::filesystem::exists(identity_ / "endpoints.json"));
}

TEST_F(EnrolTest, KeysAreForTheirOwnerOnlyAndNeverSent) {
  ASSERT_TRUE(enrol({.answer = http(201, good_answer().dump())}));
  for (auto const* name : {"device.key", "seal.key"}) {
    auto const mode = std::filesystem::status(identity_ / name).permissions();
    EXPECT_EQ(mode & std::filesystem::perms(0077), std::filesystem::perms::none) << name;
  }
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].find("PRIVATE KEY"), std::string::npos);
}

}  // namespace
}  // namespace godwit::test
