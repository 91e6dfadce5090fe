#include "server/runtime/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>

#include "proto/json/json.h"

namespace godwit::server {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};
std::atomic<bool> as_json = false;

auto spdlog_level(LogLevel level) -> spdlog::level::level_enum {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// A value from outside must not forge a line of its own.
auto one_line(std::string_view text) -> std::string {
  std::string line;
  for (char const c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return line;
}

}  // namespace

auto start_logging(std::string_view level, bool json) -> Result<> {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] != level) continue;
    as_json = json;
    auto logger = std::make_shared<spdlog::logger>(
        "godwit", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                             : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                        spdlog::pattern_time_type::utc);
    logger->set_level(spdlog_level(static_cast<LogLevel>(i)));
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
    return {};
  }
  return invalid("log level '" + std::string(level) + "': debug, info, warning or error");
}

void log(LogLevel level, std::string_view message, LogFields fields) {
  auto* logger = spdlog::default_logger_raw();
  auto const spd = spdlog_level(level);
  if (!logger->should_log(spd)) return;
  logger->log(spd, as_json ? log_json_members(message, fields) : log_text(message, fields));
}

auto log_text(std::string_view message, LogFields fields) -> std::string {
  auto line = one_line(message);
  for (auto const& [name, value] : fields)
    line.append(" ").append(name).append("=").append(one_line(value));
  return line;
}

auto log_json_members(std::string_view message, LogFields fields) -> std::string {
  auto object = Json::object({{"message", message}});
  for (auto const& [name, value] : fields) object.set(name, value);
  auto text = object.dump();
  return text.substr(1, text.size() - 2);
}

}  // namespace godwit::server
