#include "server/runtime/signals.h"

#include <csignal>
#include <ctime>

namespace godwit::server {
namespace {

auto ending_signals() -> sigset_t {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void block_signals() {
  auto const set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

auto wait_for_signal() -> int {
  auto const set = ending_signals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number;
}

auto signal_came_within(int time_ms) -> bool {
  auto const set = ending_signals();
  timespec const time{time_ms / 1000, time_ms % 1000 * 1'000'000L};
  return sigtimedwait(&set, nullptr, &time) > 0;
}

}  // namespace godwit::server
