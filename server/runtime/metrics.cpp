#include "server/runtime/metrics.h"

#include <algorithm>
#include <cstdio>

#include "proto/base/error.h"

namespace godwit::server {
namespace {

auto rendered(Labels const& labels) -> std::string {
  std::string text;
  for (auto const& [name, value] : labels) {
    text += (text.empty() ? "" : ",") + name + "=\"";
    for (char const c : value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '\\' || c == '"') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text;
}

auto braced(std::string const& labels) -> std::string {
  return labels.empty() ? "" : "{" + labels + "}";
}

auto number(double value) -> std::string {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace

void LatencyHistogram::observe(double seconds) {
  auto const bucket = static_cast<size_t>(
      std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(static_cast<uint64_t>(std::max(seconds, 0.0) * 1e6), std::memory_order_relaxed);
}

auto Metrics::series(std::string const& name, std::string const& help, char const* type,
                     Labels const& labels) -> Series& {
  std::lock_guard const lock(mutex_);
  auto& family = families_[name];
  if (family.type.empty()) {
    family.type = type;
    family.help = help;
  }
  CHECK(family.type == type);
  auto& slot = family.series[rendered(labels)];
  if (!slot) slot = std::make_unique<Series>();
  return *slot;
}

auto Metrics::counter(std::string const& name, std::string const& help, Labels const& labels)
    -> Counter& {
  return series(name, help, "counter", labels).counter;
}
auto Metrics::gauge(std::string const& name, std::string const& help, Labels const& labels)
    -> Gauge& {
  return series(name, help, "gauge", labels).gauge;
}
auto Metrics::histogram(std::string const& name, std::string const& help, Labels const& labels)
    -> LatencyHistogram& {
  return series(name, help, "histogram", labels).histogram;
}

void Metrics::render_histogram(std::string const& name, std::string const& labels,
                               LatencyHistogram const& histogram, std::string& text) {
  auto const separator = labels.empty() ? "" : ",";
  uint64_t total = 0;
  for (size_t i = 0; i <= LatencyHistogram::kBounds.size(); ++i) {
    total += histogram.counts_[i].load(std::memory_order_relaxed);
    auto const bound =
        i < LatencyHistogram::kBounds.size() ? number(LatencyHistogram::kBounds[i]) : "+Inf";
    text += name + "_bucket{" + labels + separator + "le=\"" + bound + "\"} " +
            std::to_string(total) + "\n";
  }
  auto const sum = static_cast<double>(histogram.sum_us_.load(std::memory_order_relaxed)) / 1e6;
  text += name + "_sum" + braced(labels) + " " + std::to_string(sum) + "\n";
  text += name + "_count" + braced(labels) + " " + std::to_string(total) + "\n";
}

auto Metrics::render() const -> std::string {
  std::lock_guard const lock(mutex_);
  std::string text;
  for (auto const& [name, family] : families_) {
    text += "# HELP " + name + " " + family.help + "\n# TYPE " + name + " " + family.type + "\n";
    for (auto const& [labels, series] : family.series) {
      if (family.type == "histogram") {
        render_histogram(name, labels, series->histogram, text);
      } else {
        text += name + braced(labels) + " " +
                (family.type == "counter" ? std::to_string(series->counter.value())
                                          : std::to_string(series->gauge.value())) +
                "\n";
      }
    }
  }
  return text;
}

}  // namespace godwit::server
