#include "cli/view/release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

auto example() -> Json {
  return *Json::parse(R"([
    {"version":"1.2.0","parent":"1.1.0","channel":null,"notes":"larger\nnetwork","yanked":null,
     "size_bytes":81000,"plain_size_bytes":97000,"plain_sha256":"cc",
     "created_at":"1970-01-01T00:00:40Z"},
    {"version":"1.1.0","parent":"1.0.0","channel":"stable","notes":"","yanked":"accuracy",
     "size_bytes":80000,"plain_size_bytes":96000,"plain_sha256":"bb",
     "created_at":"1970-01-01T00:00:20Z"},
    {"version":"1.0.0","parent":null,"channel":null,"notes":"first","yanked":null,
     "size_bytes":70000,"plain_size_bytes":96000,"plain_sha256":"aa",
     "created_at":"1970-01-01T00:00:00Z"}])");
}

TEST(ReleasesTable, ShowsParentsAndWhatIsYanked) {
  std::vector<std::string> const expected = {
      "VERSION  PARENT  CHANNEL     SIZE    PLAIN  CREATED  STATE",
      "1.2.0    1.1.0   -        81.0 kB  97.0 kB  20s ago  good",
      "1.1.0    1.0.0   stable   80.0 kB  96.0 kB  40s ago  yanked: accuracy",
      "1.0.0    -       -        70.0 kB  96.0 kB  1m ago   good"};
  EXPECT_EQ(releases_table(example(), 60).lines(false), expected);
}

TEST(ReleaseHistory, FollowsParentsAndEndsEvenInACircle) {
  auto const history = release_history(example(), "1.1.0");
  ASSERT_TRUE(history);
  EXPECT_EQ(history->size(), 2u);
  EXPECT_EQ(release_history(example(), "9.9.9").error().code, Code::not_found);
  auto const circle = *Json::parse(
      R"([{"version":"1.0.0","parent":"2.0.0"},{"version":"2.0.0","parent":"1.0.0"}])");
  EXPECT_TRUE(release_history(circle, "1.0.0"));
}

TEST(ReleaseLog, ReadsLikeAHistory) {
  auto const lines = release_log(*release_history(example(), "1.2.0"), 60, false);
  std::vector<std::string> const expected = {"release 1.2.0",
                                             "Date:    1970-01-01T00:00:40Z (20s ago)",
                                             "Parent:  1.1.0",
                                             "SHA-256: cc, 97.0 kB",
                                             "",
                                             "    larger",
                                             "    network",
                                             "",
                                             "release 1.1.0 (stable) yanked: accuracy",
                                             "Date:    1970-01-01T00:00:20Z (40s ago)",
                                             "Parent:  1.0.0",
                                             "SHA-256: bb, 96.0 kB",
                                             "",
                                             "release 1.0.0",
                                             "Date:    1970-01-01T00:00:00Z (1m ago)",
                                             "Parent:  -",
                                             "SHA-256: aa, 96.0 kB",
                                             "",
                                             "    first"};
  EXPECT_EQ(lines, expected);
}

TEST(DeltasTable, SaysWhyThereIsNone) {
  auto const deltas = *Json::parse(R"([
    {"from":"1.0.0","to":"1.1.0","format":"bsdiff","state":"ready","size_bytes":34000,
     "full_size_bytes":80000,"reason":"","seconds":0.25,"mode":"bytes","downloads":3,
     "bytes_saved":138000},
    {"from":"1.1.0","to":"1.2.0","format":"bsdiff","state":"rejected","size_bytes":null,
     "full_size_bytes":81000,"reason":"not smaller than 90 % of the full release"}])");
  std::vector<std::string> const expected = {
      "FROM   TO     FORMAT  STATE          SIZE     FULL  OF FULL      TIME  MODE   DEVICES     "
      "SAVED"
      "  REASON",
      "1.0.0  1.1.0  bsdiff  ✔ ready     34.0 kB  80.0 kB  42.50 %  250.0 ms  bytes        3  "
      "138.0 kB"
      "  -",
      "1.1.0  1.2.0  bsdiff  ✘ rejected        -  81.0 kB        -         -  -            -       "
      "  -  "
      "not smaller than 90 % of the full release"};
  EXPECT_EQ(deltas_table(deltas, Models::one, 0).lines(false), expected);
}

TEST(DeltasTable, TellsHowOftenItFailedAndThatItIsAnAlarm) {
  auto const deltas = *Json::parse(R"([
    {"model":"ic","from":"1.0.0","to":"1.1.0","format":"godwit","state":"failed","alarm":true,
     "tries":3,"failed_at":"1970-01-01T00:00:00.000Z","full_size_bytes":80000,
     "reason":"no space left","requested_by":"alice","requested_at":"1970-01-01T00:00:00.000Z"}])");
  auto const lines = deltas_table(deltas, Models::all, 60).lines(false);
  EXPECT_THAT(lines[0], testing::StartsWith("MODEL  FROM"));
  EXPECT_THAT(lines[1], testing::StartsWith("ic     1.0.0"));
  EXPECT_THAT(lines[1], testing::HasSubstr("3 tries failed, last 1m ago: no space left"));
  auto const all = delta_table(deltas, 60).lines(false);
  EXPECT_THAT(all, testing::Contains(testing::HasSubstr("godwit delta request ic 1.0.0 1.1.0")));
  EXPECT_THAT(all, testing::Contains(testing::HasSubstr("alice")));
}

TEST(ModelsTable, ShowsAlarms) {
  auto const models = *Json::parse(R"([{"name":"ic","kind":"model","deltas_failed":2},
                                       {"name":"kws","kind":"model","deltas_failed":0}])");
  auto const lines = models_table(models, 60).lines(false);
  EXPECT_THAT(lines[1], testing::HasSubstr("2 deltas failed"));
  EXPECT_THAT(lines[2], testing::Not(testing::HasSubstr("failed")));
}

TEST(TrafficTable, TellsWhatADeviceFetched) {
  auto const traffic = *Json::parse(R"([
    {"from":null,"to":"1.0.0","transport":"full","devices":2,"bytes_received":160000,
     "bytes_saved":0},
    {"from":"1.0.0","to":"1.2.0","transport":"chain","devices":4,"bytes_received":14000,
     "bytes_saved":306000}])");
  std::vector<std::string> const expected = {
      "FROM   TO     BY     DEVICES  RECEIVED  A DEVICE     SAVED",
      "-      1.0.0  full         2  160.0 kB   80.0 kB       0 B",
      "1.0.0  1.2.0  chain        4   14.0 kB    3.5 kB  306.0 kB"};
  EXPECT_EQ(traffic_table(traffic).lines(false), expected);
}

TEST(TrafficTable, ByTagsTellsTheSame) {
  auto const traffic = *Json::parse(R"([
    {"tag":null,"transport":"full","devices":2,"bytes_received":160000,"bytes_saved":0},
    {"tag":"north","transport":"delta","devices":4,"bytes_received":14000,"bytes_saved":306000}])");
  std::vector<std::string> const expected = {"TAG    BY     DEVICES  RECEIVED  A DEVICE     SAVED",
                                             "-      full         2  160.0 kB   80.0 kB       0 B",
                                             "north  delta        4   14.0 kB    3.5 kB  306.0 kB"};
  EXPECT_EQ(tag_traffic_table(traffic).lines(false), expected);
}

TEST(DownloadsTable, TellsWhatEachDeviceFetched) {
  auto const attempts = *Json::parse(R"([
    {"device":"cam-1","from_version":"1.0.0","state":"succeeded","transport":"chain",
     "bytes_received":8000,"rollout":3,"updated_at":"2027-01-15T08:00:00.000Z"},
    {"device":"cam-2","from_version":null,"state":"failed","transport":"full",
     "bytes_received":80000,"rollout":3,"updated_at":"2027-01-15T08:00:00.000Z"}])");
  auto const release = *Json::parse(R"({"size_bytes":80000})");
  auto const table = downloads_table(attempts, release, 1'800'000'060).tsv();
  EXPECT_EQ(table,
            "cam-1\t1.0.0\tsucceeded\tchain\t8.0 kB\t10.00 %\t3\t1m ago\n"
            "cam-2\t-\tfailed\tfull\t80.0 kB\t100.00 %\t3\t1m ago\n");
}

}  // namespace
}  // namespace godwit::cli
