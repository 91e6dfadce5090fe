#include "agent/linux/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace godwit::agent {
namespace {

constexpr size_t kLineMax = 1023;
constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
std::atomic<LogLevel> lowest{LogLevel::info};

auto timestamp() -> std::string {
  auto const now = std::chrono::system_clock::now();
  auto const seconds = std::chrono::system_clock::to_time_t(now);
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> day{};
  auto const length = std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(ms.count() % 1000));
  return std::string(day.data(), length) + fraction.data();
}

}  // namespace

auto parse_log_level(std::string_view text) -> Result<LogLevel> {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == text) return static_cast<LogLevel>(i);
  return invalid("log level: debug, info, warning or error");
}

void set_log_level(LogLevel level) {
  lowest = level;
}

void log(LogLevel level, std::string_view words, std::initializer_list<LogField> fields) {
  if (level < lowest) return;
  std::string line = timestamp() + " " + std::string(kNames[static_cast<size_t>(level)]) + " ";
  line += words;
  for (auto const& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.value;
  }
  if (line.size() > kLineMax) line.resize(kLineMax);
  for (auto& c : line)
    if (c < ' ' || c > '~') c = '?';
  line += '\n';
  // One write a line, so that lines of several threads do not mix.
  [[maybe_unused]] auto const ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace godwit::agent
