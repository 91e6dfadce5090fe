#include "server/runtime/signals.h"

#include <csignal>
#include <cstddef>

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

}  // namespace godwit::server
