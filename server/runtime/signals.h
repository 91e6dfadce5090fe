// Signals that end the program, waited for by main instead of interrupting any thread.
#pragma once

namespace godwit::server {

/// Blocks SIGTERM and SIGINT and ignores SIGPIPE, in this thread and all that it starts later.
void block_signals();
/// Waits for SIGTERM or SIGINT and returns its number.
auto wait_for_signal() -> int;
/// Waits at most that long; whether one came.
auto signal_came_within(int time_ms) -> bool;

}  // namespace godwit::server
