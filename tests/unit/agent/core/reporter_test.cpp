// What is sent when: progress is paced, changes are not, and a report is repeated until it is
// acknowledged.
#include "agent/core/reporter.h"

#include <gtest/gtest.h>

namespace godwit::agent {
namespace {

class Recorder : public Link {
 public:
  void publish(proto::Up what, std::string const& payload) override {
    if (what == proto::Up::job) {
      auto report = proto::decode_job_report(payload);
      ASSERT_TRUE(report);
      reports.push_back(*report);
    } else {
      auto hello = proto::decode_hello(payload);
      ASSERT_TRUE(hello);
      hellos.push_back(*hello);
    }
  }
  std::vector<proto::JobReport> reports;
  std::vector<proto::Hello> hellos;
};

auto report(proto::AttemptState state, uint32_t percent = 0) -> proto::JobReport {
  proto::JobReport result;
  result.attempt = 3;
  result.rev = 1;
  result.state = state;
  result.percent = percent;
  return result;
}

class ReporterTest : public testing::Test {
 protected:
  ReporterTest() {
    reporter.start(7);
    reporter.on_connected({});
  }
  void acknowledge(std::string error = "") {
    last = reporter.on_ack({7, link.reports.back().seq, std::move(error), ""});
  }
  Recorder link;
  Reporter reporter{link, {500, 5000}};
  Reporter::Answer last = Reporter::Answer::nothing;
};

using proto::AttemptState;

TEST_F(ReporterTest, RepeatsTheSameMessageUntilItIsAcknowledged) {
  reporter.show(report(AttemptState::downloading));
  EXPECT_EQ(reporter.tick(1000), 5000);
  EXPECT_EQ(reporter.tick(3000), 3000);
  reporter.tick(6000);
  ASSERT_EQ(link.reports.size(), 2u);
  EXPECT_EQ(link.reports[0].seq, link.reports[1].seq);
  EXPECT_EQ(link.reports[0].epoch, 7u);
  EXPECT_FALSE(reporter.acknowledged());
  acknowledge();
  EXPECT_EQ(last, Reporter::Answer::accepted);
  EXPECT_TRUE(reporter.acknowledged());
  reporter.tick(60'000);
  EXPECT_EQ(link.reports.size(), 2u);
}

TEST_F(ReporterTest, ProgressIsPacedAndChangesAreNot) {
  reporter.show(report(AttemptState::downloading, 0));
  reporter.tick(1000);
  reporter.show(report(AttemptState::downloading, 10));
  EXPECT_EQ(reporter.tick(1100), 400);
  reporter.show(report(AttemptState::downloading, 20));
  reporter.tick(1500);
  ASSERT_EQ(link.reports.size(), 2u);
  EXPECT_EQ(link.reports[1].percent, 20u);
  reporter.show(report(AttemptState::verifying));
  reporter.tick(1501);
  ASSERT_EQ(link.reports.size(), 3u);
  EXPECT_GT(link.reports[2].seq, link.reports[1].seq);
}

TEST_F(ReporterTest, AnOldAcknowledgementCoversNothingNewer) {
  reporter.show(report(AttemptState::downloading));
  reporter.tick(1000);
  reporter.show(report(AttemptState::verifying));
  acknowledge();
  EXPECT_EQ(last, Reporter::Answer::nothing);
  reporter.tick(1001);
  EXPECT_EQ(reporter.on_ack({6, 99, "", ""}), Reporter::Answer::nothing);  // another start's
  EXPECT_EQ(reporter.on_ack({7, link.reports[0].seq, "", ""}), Reporter::Answer::nothing);
  EXPECT_FALSE(reporter.acknowledged());
}

TEST_F(ReporterTest, AConnectionSaysHelloFirstAndReportsAnew) {
  reporter.show(report(AttemptState::trial));
  reporter.tick(1000);
  auto const seq = link.reports.back().seq;
  reporter.on_disconnected();
  reporter.tick(9000);
  EXPECT_EQ(link.reports.size(), 1u);
  reporter.on_connected({});
  reporter.tick(9001);
  ASSERT_EQ(link.reports.size(), 2u);
  EXPECT_EQ(link.hellos.back().seq, seq + 1);
  EXPECT_EQ(link.reports.back().seq, seq + 2);
}

TEST_F(ReporterTest, RefusalsEndTheRepeating) {
  reporter.show(report(AttemptState::failed));
  reporter.tick(1000);
  acknowledge("version_mismatch");
  EXPECT_EQ(last, Reporter::Answer::stale_rev);
  reporter.repeat();
  reporter.tick(2000);
  acknowledge("terminal_state");
  EXPECT_EQ(last, Reporter::Answer::refused);
  EXPECT_TRUE(reporter.acknowledged());
}

TEST_F(ReporterTest, HasNothingToSayBeforeTheDeviceDidAnything) {
  reporter.show(report(AttemptState::notified));
  reporter.tick(1000);
  EXPECT_TRUE(link.reports.empty());
}

}  // namespace
}  // namespace godwit::agent
