// The registry behind /metrics: counters, gauges and histograms with labels, in Prometheus' text
// format 0.0.4. Never label by device.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit::server {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  auto value() const -> uint64_t { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(int64_t change) { value_.fetch_add(change, std::memory_order_relaxed); }
  auto value() const -> int64_t { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

/// Seconds in fixed buckets of 1 ms to 10 s.
class LatencyHistogram {
 public:
  static constexpr std::array<double, 9> kBounds = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};
  void observe(double seconds);

 private:
  friend class Metrics;
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<uint64_t> sum_us_{0};
};

class Metrics {
 public:
  /// The series of that name and those labels, made at its first use; the reference stays valid.
  auto counter(std::string const& name, std::string const& help, Labels const& labels = {})
      -> Counter&;
  auto gauge(std::string const& name, std::string const& help, Labels const& labels = {}) -> Gauge&;
  auto histogram(std::string const& name, std::string const& help, Labels const& labels = {})
      -> LatencyHistogram&;
  auto render() const -> std::string;

 private:
  struct Series {
    Counter counter;
    Gauge gauge;
    LatencyHistogram histogram;
  };
  struct Family {
    std::string type;
    std::string help;
    std::map<std::string, std::unique_ptr<Series>> series;  // by rendered labels
  };
  auto series(std::string const& name, std::string const& help, char const* type,
              Labels const& labels) -> Series&;
  static void render_histogram(std::string const& name, std::string const& labels,
                               LatencyHistogram const& histogram, std::string& text);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

}  // namespace godwit::server
