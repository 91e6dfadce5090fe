#include "cli/client/servers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace godwit::cli {
namespace {

class Servers : public testing::Test {
 protected:
  Servers() {
    std::string name = testing::TempDir() + "godwit-servers-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~Servers() override { std::filesystem::remove_all(folder_); }

  auto environment() const -> Environment {
    return [this](char const* name) -> std::string {
      auto const found = variables_.find(name);
      return found == variables_.end() ? "" : found->second;
    };
  }
  auto choose() const -> Result<Endpoint> { return choose_server(context_, saved_, environment()); }
  auto write(char const* name, std::string const& text) const -> std::string {
    auto const path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  std::string folder_;
  std::map<std::string, std::string> variables_;
  std::ostringstream out_;
  Context context_{out_, out_};
  SavedServers saved_{.current = "prod",
                      .servers = {{"prod", {"https://prod.example", "/prod.crt", "prod-token"}},
                                  {"lab", {"https://lab.example", "/lab.crt", "lab-token"}}}};
};

TEST_F(Servers, AreKeptForTheirOwnerOnly) {
  auto const path = folder_ + "/a/b/config.json";
  EXPECT_TRUE(load_servers(path)->servers.empty());
  ASSERT_TRUE(save_servers(path, saved_));
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  auto const read = load_servers(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->current, "prod");
  EXPECT_EQ(read->servers.at("lab").token, "lab-token");

  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(load_servers(path).error().code, Code::denied);
}

TEST_F(Servers, ADamagedFileNamesItself) {
  auto const path = write("config.json", "{\"contexts\": [}");
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_NE(load_servers(path).error().what.find(path), std::string::npos);
}

TEST_F(Servers, TheCurrentOneIsUsed) {
  auto const endpoint = choose();
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->url.host, "prod.example");
  EXPECT_EQ(endpoint->ca_file, "/prod.crt");
  EXPECT_EQ(endpoint->token, "prod-token");
}

TEST_F(Servers, TheEnvironmentChoosesAnother) {
  variables_ = {{"GODWIT_CONTEXT", "lab"}};
  EXPECT_EQ(choose()->token, "lab-token");
  variables_ = {{"GODWIT_CONTEXT", "nowhere"}};
  EXPECT_EQ(choose().error().code, Code::not_found);
}

TEST_F(Servers, FlagsBeatTheEnvironmentAndItBeatsTheFile) {
  variables_ = {{"GODWIT_SERVER", "https://env.example"},
                {"GODWIT_TOKEN", "env-token"},
                {"GODWIT_CA", "/env.crt"}};
  EXPECT_EQ(choose()->url.host, "env.example");
  EXPECT_EQ(choose()->token, "env-token");
  context_.context_name = "lab";
  EXPECT_EQ(choose()->url.host, "lab.example");
  EXPECT_EQ(choose()->token, "lab-token");
  EXPECT_EQ(choose()->ca_file, "/lab.crt");
  context_.server = "https://flag.example";
  context_.ca = "/flag.crt";
  context_.token_file = write("token", "flag-token\n");
  EXPECT_EQ(choose()->url.host, "flag.example");
  EXPECT_EQ(choose()->token, "flag-token");
  EXPECT_EQ(choose()->ca_file, "/flag.crt");
}

TEST_F(Servers, ASavedTokenGoesToNoOtherServer) {
  context_.server = "https://other.example";
  EXPECT_EQ(choose()->token, "");
  EXPECT_EQ(choose()->ca_file, "");
  context_.server = "https://prod.example";
  EXPECT_EQ(choose()->token, "prod-token");
}

TEST_F(Servers, NoneIsAnErrorThatHelps) {
  saved_ = {};
  EXPECT_NE(choose().error().what.find("godwit context add"), std::string::npos);
}

TEST_F(Servers, TokensAreOneLineOfVisibleText) {
  EXPECT_EQ(*read_token(write("a", "abc-123_~\r\nrest")), "abc-123_~");
  EXPECT_FALSE(read_token(write("b", "")));
  EXPECT_FALSE(read_token(write("c", "a b")));
  EXPECT_FALSE(read_token(write("d", "a\x01")));
  EXPECT_FALSE(read_token(folder_ + "/none"));
}

TEST_F(Servers, ATokenBringsNoOtherHeaderWithIt) {
  variables_ = {{"GODWIT_TOKEN", "abc\r\nX-Other: 1"}};
  EXPECT_EQ(choose().error().code, Code::invalid);
}

TEST_F(Servers, ThePathFollowsTheUsualVariables) {
  EXPECT_FALSE(servers_path(environment()));
  variables_["HOME"] = "/home/x";
  EXPECT_EQ(*servers_path(environment()), "/home/x/.config/godwit/config.json");
  variables_["XDG_CONFIG_HOME"] = "/xdg";
  EXPECT_EQ(*servers_path(environment()), "/xdg/godwit/config.json");
  variables_["GODWIT_CONFIG"] = "/own.json";
  EXPECT_EQ(*servers_path(environment()), "/own.json");
}

}  // namespace
}  // namespace godwit::cli
