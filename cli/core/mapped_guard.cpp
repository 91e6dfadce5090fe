#include "cli/core/mapped_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace godwit::cli {
namespace {

/// Only what a signal handler may read. `begin` is set last, and 0 where nothing is guarded.
struct Guarded {
  std::atomic<uintptr_t> begin{0};
  std::atomic<size_t> size{0};
  std::atomic<bool> taken{false};
  std::atomic<bool> lost{false};
};
constexpr size_t kGuardedMax = 8;
std::array<Guarded, kGuardedMax> guarded;
static_assert(std::atomic<uintptr_t>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);
uintptr_t page_bytes = 4096;

/// Puts a page of zeros where one went away; the reading goes on with it.
void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  auto const at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Guarded& each : guarded) {
    uintptr_t const begin = each.begin.load();
    if (begin == 0 || at < begin || at - begin >= each.size.load()) continue;
    each.lost.store(true);
    auto* const page = reinterpret_cast<void*>(at & ~(page_bytes - 1));
    if (::mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page)
      return;
  }
  std::signal(signal, SIG_DFL);  // not ours: it comes again, and ends the process as ever
}

void handle_bus_errors() {
  static bool const handled = [] {
    page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  static_cast<void>(handled);
}

}  // namespace

MappedGuard::MappedGuard(void* begin, size_t size) : place_(0) {
  handle_bus_errors();
  while (place_ < guarded.size() && guarded[place_].taken.exchange(true)) ++place_;
  if (place_ == guarded.size()) return;
  guarded[place_].lost = false;
  guarded[place_].size = size;
  guarded[place_].begin = reinterpret_cast<uintptr_t>(begin);
}

MappedGuard::~MappedGuard() {
  if (place_ == guarded.size()) return;
  guarded[place_].begin = 0;
  guarded[place_].taken = false;
}

auto MappedGuard::lost() const -> bool {
  return place_ < guarded.size() && guarded[place_].lost;
}

}  // namespace godwit::cli
