// Renewal of the certificate: a wrong answer and a cut at any operation leave one that is good, and
// the next try succeeds.
#include "agent/linux/renewal.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "agent/linux/enrol.h"
#include "server/service/certificate.h"
#include "tests/integration/cli/client/scripted_server.h"
#include "tests/support/process.h"

namespace godwit::test {
namespace {

constexpr int64_t kNow_s = 1'800'000'000;

/// The real files, until the power goes: that many changes are made, and no other.
class CutFiles : public agent::Files {
 public:
  CutFiles(agent::Files& files, int changes) : files_(files), left_(changes) {}

  auto size(std::string_view name) const -> Result<uint64_t> override { return files_.size(name); }
  auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override {
    return files_.read(name, offset, size_max);
  }
  auto map(std::string_view name) const -> Result<agent::Plaintext> override {
    return files_.map(name);
  }
  auto write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> override {
    return gone() ? cut() : files_.write(name, offset, bytes);
  }
  auto truncate(std::string_view name, uint64_t size) -> Result<> override {
    return gone() ? cut() : files_.truncate(name, size);
  }
  auto sync(std::string_view name) -> Result<> override {
    return gone() ? cut() : files_.sync(name);
  }
  auto rename(std::string_view from, std::string_view to) -> Result<> override {
    return gone() ? cut() : files_.rename(from, to);
  }
  auto remove(std::string_view name) -> Result<> override {
    return gone() ? cut() : files_.remove(name);
  }
  auto sync_folder() -> Result<> override { return gone() ? cut() : files_.sync_folder(); }

 private:
  auto gone() -> bool { return left_-- <= 0; }
  static auto cut() -> Result<> { return internal("the power is gone"); }

  agent::Files& files_;
  int left_;
};

class RenewalTest : public testing::Test {
 protected:
  RenewalTest() {
    write_file(folder_.path() / "ca.crt", ca_.certificate);
    device_ca_.write(folder_.path(), "device-ca");
    files_.emplace(*agent::FileStore::open(folder_.path() / "identity"));
    EXPECT_TRUE(store_whole(*files_, agent::identity_file::kKey, key_));
    present_ = certificate(key_, 10);
    next_ = certificate(key_, 800);
    reset();
  }
  /// As it was before.
  void reset() { EXPECT_TRUE(store_whole(*files_, agent::identity_file::kCertificate, present_)); }

  /// What the server's own code would issue for that key, good until so many days from now.
  auto certificate(std::string const& key, int64_t days) const -> std::string {
    auto const ca =
        server::DeviceCa::open(folder_.path() / "device-ca.crt", folder_.path() / "device-ca.key");
    auto const csr = server::DeviceCa::parse(*agent::make_request(key, device_), device_);
    return ca->issue(*csr, device_, kNow_s * 1000, days).value_or("");
  }
  auto answer(std::string const& pem) const -> std::string {
    return http(201, Json::object({{"device_id", "cam-1"}, {"certificate", pem}}).dump());
  }
  /// Against a server that answers the request, and then the connection with the new certificate.
  auto renew(std::string const& to_request, std::string const& to_proof, int changes = 1000)
      -> Result<> {
    ScriptedServer server(issue(ca_, "server", true), {{.answer = to_request, .goodbye = false},
                                                       {.answer = to_proof, .goodbye = false}});
    auto const url = "https://127.0.0.1:" + std::to_string(server.port());
    agent::TlsFiles const tls{(folder_.path() / "ca.crt").string(), path("device.crt").string(),
                              path("device.key").string()};
    CutFiles files(*files_, changes);
    agent::Renewal renewal({.device = device_, .device_url = url, .files = tls}, files);
    auto client = agent::HttpsClient::open(*agent::Origin::parse(url), tls, {}, -1);
    auto renewed = renewal.renew(*client);
    requests = server.requests();
    return renewed ? Result<>() : std::move(renewed).error();
  }
  auto path(std::string const& name) const -> std::filesystem::path {
    return folder_.path() / "identity" / name;
  }
  auto kept() const -> std::string { return text_of(path("device.crt")); }

  std::vector<std::string> requests;

 private:
  TemporaryFolder folder_{"renewal"};
  Credentials ca_ = make_ca("servers");
  Credentials device_ca_ = make_ca("devices");
  std::optional<agent::FileStore> files_;

 protected:
  DeviceId const device_ = *DeviceId::parse("cam-1");
  std::string const key_ = *agent::make_device_key();
  std::string present_;
  std::string next_;
};

constexpr char kProof[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

TEST_F(RenewalTest, TheNextCertificateIsProvedAndThenKept) {
  auto const renewed = renew(answer(next_), kProof);
  ASSERT_TRUE(renewed) << renewed.error().what;
  EXPECT_EQ(kept(), next_);
  EXPECT_FALSE(std::filesystem::exists(path("device.crt.next")));
  EXPECT_EQ(text_of(path("device.key")), key_);
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_TRUE(requests[0].starts_with("POST /device/v1/certificate ")) << requests[0];
  EXPECT_NE(requests[0].find("CERTIFICATE REQUEST"), std::string::npos);
  EXPECT_EQ(requests[0].find("PRIVATE KEY"), std::string::npos);
  EXPECT_TRUE(requests[1].starts_with("GET /device/v1/")) << requests[1];
}

TEST_F(RenewalTest, EveryWrongAnswerLeavesThePresentOne) {
  std::pair<std::string, Code> const answers[] = {
      {http(503, ""), Code::retry},
      {http(403, R"({"detail":"revoked"})"), Code::denied},
      {http(409, ""), Code::conflict},
      {http(200, "{}"), Code::invalid},
      {http(201, "{"), Code::invalid},
      {http(201, "{}"), Code::invalid},
      {http(201, std::string(100'000, ' ')), Code::corrupt},
      {"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{", Code::retry},
      {answer("no certificate"), Code::corrupt},
      {answer(certificate(*agent::make_device_key(), 800)), Code::corrupt},
      {answer(certificate(key_, 5)), Code::corrupt}};
  for (auto const& [wrong, code] : answers) {
    auto const renewed = renew(wrong, kProof);
    ASSERT_FALSE(renewed) << wrong;
    EXPECT_EQ(renewed.error().code, code) << wrong << renewed.error().what;
    EXPECT_EQ(kept(), present_);
  }
}

TEST_F(RenewalTest, OneThatOpensNoConnectionIsNotKept) {
  for (auto const& refusal : {http(403, ""), http(500, ""), std::string()}) {
    EXPECT_FALSE(renew(answer(next_), refusal));
    EXPECT_EQ(kept(), present_);
    EXPECT_FALSE(std::filesystem::exists(path("device.crt.next")));
  }
}

TEST_F(RenewalTest, IsGoodWhereverPowerIsLost) {
  int cuts = 0;
  for (;; ++cuts) {
    ASSERT_LT(cuts, 50);
    auto const renewed = renew(answer(next_), kProof, cuts);
    bool const whole = bool(renewed);
    auto const certificate = kept();
    EXPECT_TRUE(certificate == present_ || certificate == next_) << "after " << cuts << " changes";
    if (whole) break;
    // After the cut: the next try, with all power, from what is there.
    auto const later = certificate == next_ ? this->certificate(key_, 900) : next_;
    auto const again = renew(answer(later), kProof);
    EXPECT_TRUE(again) << again.error().what << " after " << cuts << " changes";
    EXPECT_EQ(kept(), later);
    reset();
  }
  EXPECT_GT(cuts, 5) << "there is something to cut";
  EXPECT_EQ(kept(), next_);
}

TEST_F(RenewalTest, IsDueInTheLastThirdAndNotAtOnceForAll) {
  agent::CertificateTimes const times{1000, 1000 + 1200};
  std::set<int64_t> moments;
  for (int i = 0; i < 64; ++i) {
    auto const at =
        agent::renew_at_s(times, *DeviceId::parse("cam-" + std::to_string(i)), std::nullopt);
    EXPECT_GE(at, 2200 - 400);
    EXPECT_LT(at, 2200 - 300);
    moments.insert(at);
  }
  EXPECT_GT(moments.size(), 20u);
  EXPECT_LT(agent::renew_at_s(times, device_, 40), 2200 - 29);
  auto const now = *agent::certificate_times(present_);
  EXPECT_EQ(now.end_s, kNow_s + 10 * 86400);
  EXPECT_FALSE(agent::certificate_times("nothing"));
}

TEST_F(RenewalTest, ATryThatFailedIsNotRepeatedAtOnce) {
  auto files = *agent::FileStore::open(path(""));
  agent::Renewal renewal({.device = device_, .device_url = "https://127.0.0.1:1", .files = {}},
                         files);
  EXPECT_FALSE(renewal.due(kNow_s, agent::monotonic_ms()));
  int64_t const late_s = kNow_s + 9 * 86400;
  EXPECT_TRUE(renewal.due(late_s, agent::monotonic_ms()));
  auto client = agent::HttpsClient::open(
      *agent::Origin::parse("https://127.0.0.1:1"),
      {(path("").parent_path().parent_path() / "ca.crt").string(), "", ""}, {}, -1);
  ASSERT_TRUE(client);
  EXPECT_FALSE(renewal.renew(*client));
  EXPECT_FALSE(renewal.due(late_s, agent::monotonic_ms()));
  EXPECT_TRUE(renewal.due(late_s, agent::monotonic_ms() + 3'600'000));
}

}  // namespace
}  // namespace godwit::test
