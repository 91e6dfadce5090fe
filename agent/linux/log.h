// The agent's log: one line an event on stderr, for a service manager to keep. Only shells call it:
// the core and the parsers return errors instead.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "proto/base/result.h"

namespace godwit::agent {

enum class LogLevel : uint8_t { debug, info, warning, error };
auto parse_log_level(std::string_view text) -> Result<LogLevel>;
/// Lines below it are dropped; `info` at the start.
void set_log_level(LogLevel level);

struct LogField {
  std::string_view key;
  std::string value;
};
/// "2026-01-02T03:04:05.678Z info words key=value": from any thread, never longer than 1 KiB, and
/// whatever came from outside is made printable.
void log(LogLevel level, std::string_view words, std::initializer_list<LogField> fields = {});

}  // namespace godwit::agent
