// The log: one line an event, as text or as JSON, on standard error. Only shells log.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/result.h"

namespace godwit::server {

enum class LogLevel { debug, info, warning, error };

/// `level`: debug, info, warning or error. Call once, before other threads start.
auto start_logging(std::string_view level, bool json) -> Result<>;

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;
void log(LogLevel level, std::string_view message, LogFields fields = {});

/// The line without its time and level, as the log writes it.
auto log_text(std::string_view message, LogFields fields) -> std::string;
auto log_json_members(std::string_view message, LogFields fields) -> std::string;

}  // namespace godwit::server
