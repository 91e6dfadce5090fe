// What the terminal can do, and text made safe for it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/core/context.h"

namespace godwit::cli {

auto stdin_is_terminal() -> bool;
auto stdout_is_terminal() -> bool;
auto stderr_is_terminal() -> bool;

struct TerminalSize {
  size_t columns = 80;
  size_t rows = 24;
};
auto terminal_size() -> TerminalSize;

/// --no-color, NO_COLOR, CLICOLOR_FORCE, TERM=dumb, then whether stdout is a terminal.
auto use_color(Context const& context) -> bool;

/// `text` with control characters and broken UTF-8 replaced, for names and messages come from
/// devices and servers and must not drive the terminal. Newlines stay when `lines` is set.
auto printable(std::string_view text, bool lines = true) -> std::string;

/// The first columns of `text`, at most so many; a cut is shown by an ellipsis.
auto shortened(std::string const& text, size_t columns_max) -> std::string;

/// The columns that `text` takes: its code points (wide scripts are not counted double).
auto display_width(std::string_view text) -> size_t;

}  // namespace godwit::cli
