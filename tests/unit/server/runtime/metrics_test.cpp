#include "server/runtime/metrics.h"

#include <gtest/gtest.h>

#include "server/runtime/log.h"
#include "server/runtime/pool.h"

namespace godwit::server {
namespace {

TEST(Metrics, RendersPrometheusText) {
  Metrics metrics;
  metrics.counter("godwit_a_total", "As.", {{"kind", "x\"y\\z\n"}}).add(3);
  metrics.gauge("godwit_b", "Bs.").set(-2);
  EXPECT_EQ(metrics.render(),
            "# HELP godwit_a_total As.\n# TYPE godwit_a_total counter\n"
            "godwit_a_total{kind=\"x\\\"y\\\\z\\n\"} 3\n"
            "# HELP godwit_b Bs.\n# TYPE godwit_b gauge\ngodwit_b -2\n");
}

TEST(Metrics, HistogramsAreCumulative) {
  Metrics metrics;
  auto& histogram = metrics.histogram("godwit_s", "Seconds.", {{"r", "/"}});
  histogram.observe(0.001);
  histogram.observe(0.3);
  histogram.observe(60);
  auto const text = metrics.render();
  EXPECT_NE(text.find("godwit_s_bucket{r=\"/\",le=\"0.001\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("godwit_s_bucket{r=\"/\",le=\"0.5\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("godwit_s_bucket{r=\"/\",le=\"+Inf\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("godwit_s_count{r=\"/\"} 3\n"), std::string::npos) << text;
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameSeries) {
  Metrics metrics;
  EXPECT_EQ(&metrics.counter("a_total", "", {{"b", "c"}}),
            &metrics.counter("a_total", "", {{"b", "c"}}));
}

TEST(Log, ValuesCannotForgeALine) {
  EXPECT_EQ(log_text("hello", {{"target", "/a\nb"}}), "hello target=/a b");
  EXPECT_EQ(log_json_members("hello", {{"target", "/a\n\"b"}}),
            R"("message":"hello","target":"/a\n\"b")");
}

TEST(WorkerPool, FinishesWhatItTookAndRefusesTheRest) {
  std::mutex gate;
  std::atomic<int> done = 0;
  WorkerPool pool(1, 2);
  gate.lock();
  std::atomic<bool> running = false;
  ASSERT_TRUE(pool.try_submit([&] {
    running = true;
    std::lock_guard const wait(gate);
    ++done;
  }));
  while (!running) std::this_thread::yield();
  EXPECT_TRUE(pool.try_submit([&] { ++done; }));
  EXPECT_TRUE(pool.try_submit([&] { ++done; }));
  EXPECT_FALSE(pool.try_submit([&] { ++done; }));
  gate.unlock();
  pool.stop();
  EXPECT_EQ(done, 3);
  EXPECT_FALSE(pool.try_submit([&] { ++done; }));
}

}  // namespace
}  // namespace godwit::server
