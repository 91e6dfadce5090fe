#include "agent/linux/model_memory.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/linux/log.h"
#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

auto page_bytes() -> size_t {
  static auto const bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// As much as may be locked without asking anybody.
void raise_lock_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

void tell_not_locked(int number, size_t bytes) {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  log(LogLevel::warning, "models may be written to a swap device: their memory cannot be locked",
      {{"why", std::strerror(number)},
       {"bytes", std::to_string(bytes)},
       {"memlock_limit", std::to_string(limit.rlim_cur)}});
}

}  // namespace

auto ModelMemory::take(uint64_t size_bytes) -> Result<Plaintext> {
  if (size_bytes == 0) return Plaintext();
  if (size_bytes > SIZE_MAX - page_bytes()) return internal("not enough memory for the model");
  auto const bytes =
      (static_cast<size_t>(size_bytes) + page_bytes() - 1) / page_bytes() * page_bytes();
  void* const place =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return from_errno(errno, "memory for the model");
  if (secret_) {
    raise_lock_limit();
    ::madvise(place, bytes, MADV_DONTDUMP);
    if (::mlock(place, bytes) != 0 && locked_) {
      locked_ = false;
      tell_not_locked(errno, bytes);
    }
  }
  std::shared_ptr<uint8_t> owned(static_cast<uint8_t*>(place),
                                 [bytes, secret = secret_](uint8_t* p) {
                                   if (secret) proto::cleanse({p, bytes});
                                   ::munmap(p, bytes);
                                 });
  return Plaintext(std::move(owned), static_cast<size_t>(size_bytes));
}

void ModelMemory::give_back(Plaintext const& plain, std::vector<ByteView> const& parts) const {
  for (auto const& part : parts) give_back_part(plain, part);
  auto const whole = plain.view();
  if (!plain.writable() && !whole.empty())
    ::madvise(const_cast<uint8_t*>(whole.data()), whole.size(), MADV_DONTNEED);
}

void ModelMemory::give_back_part(Plaintext const& plain, ByteView part) const {
  auto const page = page_bytes();
  auto const begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  auto const end = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  if (begin >= end) return;
  auto* const place = reinterpret_cast<uint8_t*>(begin);
  // Memory that stays is no error.
  if (!plain.writable()) {
    // Of a mapped file a hole, which no neighbour's page brings back.
    ::mmap(place, end - begin, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
           -1, 0);
    return;
  }
  if (secret_) {
    proto::cleanse({place, end - begin});
    ::munlock(place, end - begin);  // what is locked would stay
  }
  ::madvise(place, end - begin, MADV_DONTNEED);
}

void forbid_dumps() {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  rlimit const no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
}

}  // namespace godwit::agent
