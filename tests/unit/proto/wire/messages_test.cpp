#include "proto/wire/messages.h"

#include <gtest/gtest.h>

#include "proto/wire/topics.h"

namespace godwit::proto {
namespace {

auto full_report() -> JobReport {
  JobReport report{.epoch = 3,
                   .seq = 9,
                   .attempt = 7,
                   .rev = 2,
                   .state = AttemptState::trial,
                   .percent = 40,
                   .code = 6101,
                   .errno_ext = -5,
                   .message = "m",
                   .transport = "delta",
                   .bytes_received = 4106,
                   .health = {},
                   .component = {}};
  Health health{.inferences = 249,
                .errors = 1,
                .labelled = 249,
                .correct = 215,
                .latency_us = {},
                .outputs = {1, 2, 3},
                .psi = 0.25,
                .accuracy_drop_points = -0.8};
  health.latency_us.add(100);
  report.health = health;
  report.component = ComponentReport{.running = SlotContent{"1.1.0", {}}, .other = std::nullopt};
  return report;
}

// A message that its receiver refuses would be repeated for ever.
TEST(Messages, WordsOfAReportNeverMakeItUnreadable) {
  auto report = full_report();
  std::string long_text = "x";
  for (int i = 0; i < 200; ++i) long_text += "\u00e9";
  report.message = long_text;
  auto const cut = decode_job_report(encode(report));
  ASSERT_TRUE(cut) << cut.error().what;
  EXPECT_EQ(cut->message, long_text.substr(0, 255));
  report.message = "a\xff\xe2\x82 b";
  auto const broken = decode_job_report(encode(report));
  ASSERT_TRUE(broken) << broken.error().what;
  EXPECT_EQ(broken->message, "a??? b");
}

TEST(Messages, ReportComesBackWhole) {
  auto const sent = full_report();
  auto const got = *decode_job_report(encode(sent));
  EXPECT_EQ(encode(got), encode(sent));
  EXPECT_EQ(got.health->latency_us, sent.health->latency_us);
  EXPECT_EQ(got.component->running->version, "1.1.0");
}

TEST(Messages, EveryTruncationIsRefused) {
  auto const payload = encode(full_report());
  for (size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode_job_report(payload.substr(0, size)));
}

TEST(Messages, UnknownKeysAreIgnoredWrongTypesAreNot) {
  EXPECT_TRUE(decode_presence(R"({"v":1,"epoch":2,"online":false,"new":{"x":[1]}})"));
  EXPECT_FALSE(decode_presence(R"({"v":1,"epoch":"2","online":false})"));
  EXPECT_FALSE(decode_presence(R"({"v":1,"epoch":-2,"online":false})"));
  EXPECT_FALSE(decode_presence(R"({"v":2,"epoch":2,"online":false})"));
  EXPECT_FALSE(decode_job_hint(R"({"v":1,"attempt":0,"rev":1,"op":"update","component":"ic"})"));
  EXPECT_FALSE(
      decode_job_hint(R"({"v":1,"attempt":2147483648,"rev":1,"op":"update","component":"ic"})"));
  EXPECT_FALSE(decode_job_hint(R"({"v":1,"attempt":1,"rev":1,"op":"update","component":"../ic"})"));
}

TEST(Histogram, BucketsAreContiguousAndWithinAnEighthOfTheValue) {
  for (uint64_t value = 0; value < 100000; ++value) {
    auto const bucket = Histogram::bucket_of(value);
    ASSERT_GE(Histogram::upper_bound(bucket), value);
    ASSERT_LE(Histogram::upper_bound(bucket), value + value / 8);
    if (bucket) {
      ASSERT_LT(Histogram::upper_bound(bucket - 1), value);
    }
  }
}

TEST(Topics, ThereAndBack) {
  auto const device = *DeviceId::parse("cam-1");
  for (auto up : {Up::hello, Up::job, Up::presence}) {
    auto const parsed = *parse_up(topic(device, up));
    EXPECT_EQ(parsed.device, device);
    EXPECT_EQ(parsed.up, up);
  }
  for (auto const* wrong : {"", "v1/d/cam-1/dn/job", "v1/d//up/job", "v2/d/a/up/job",
                            "v1/d/a/up/job/x", "v1/d/a/b/up/job"})
    EXPECT_FALSE(parse_up(wrong)) << wrong;
}

TEST(States, NoReportLeavesAnEnd) {
  for (size_t from = 0; from < kAttemptStates.size(); ++from)
    for (size_t to = 0; to < kAttemptStates.size(); ++to)
      if (ended(static_cast<AttemptState>(from))) {
        EXPECT_FALSE(
            report_may_move(static_cast<AttemptState>(from), static_cast<AttemptState>(to)));
      }
  for (size_t i = 0; i < kAttemptStates.size(); ++i)
    EXPECT_EQ(parse_attempt_state(kAttemptStates[i]), static_cast<AttemptState>(i));
}

}  // namespace
}  // namespace godwit::proto
