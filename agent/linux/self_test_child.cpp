#include "agent/linux/self_test_child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "agent/linux/file_descriptor.h"
#include "proto/trust/digest.h"

namespace godwit::agent {
namespace {

/// The model in memory that a child can open by name and nobody else can change: locked, not
/// dumped and overwritten at the end, as where it came from.
class SharedCopy {
 public:
  static auto make(ByteView model) -> Result<SharedCopy> {
    SharedCopy copy;
    copy.fd_ = FileDescriptor(::memfd_create("model", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!copy.fd_) return from_errno(errno, "memfd_create");
    if (::ftruncate(copy.fd_.get(), static_cast<off_t>(model.size())) != 0)
      return from_errno(errno, "the self-test's copy of the model");
    if (!model.empty()) {
      TRY_VOID(copy.fill(model));
    }
    // The mapping here stays writable, so that it can be overwritten.
    constexpr int kFutureWrites = 0x0010;  // F_SEAL_FUTURE_WRITE, since Linux 5.1
    int const size_seals = F_SEAL_SHRINK | F_SEAL_GROW;
    if (::fcntl(copy.fd_.get(), F_ADD_SEALS, size_seals | kFutureWrites) != 0 &&
        ::fcntl(copy.fd_.get(), F_ADD_SEALS, size_seals) != 0)
      return from_errno(errno, "sealing the self-test's copy");
    return copy;
  }
  SharedCopy(SharedCopy&& other) noexcept
      : fd_(std::move(other.fd_)), place_(std::exchange(other.place_, {})) {}
  ~SharedCopy() {
    if (place_.empty()) return;
    proto::cleanse(place_);
    ::munmap(place_.data(), place_.size());
  }
  auto get() const -> int { return fd_.get(); }

 private:
  SharedCopy() = default;
  auto fill(ByteView model) -> Result<> {
    void* const place =
        ::mmap(nullptr, model.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (place == MAP_FAILED) return from_errno(errno, "the self-test's copy of the model");
    place_ = {static_cast<uint8_t*>(place), model.size()};
    ::madvise(place, model.size(), MADV_DONTDUMP);
    ::mlock(place, model.size());  // where it may; ModelMemory has said so otherwise
    // Written through the descriptor: where there is no memory left that is an error, no signal.
    size_t done = 0;
    while (done < model.size()) {
      auto const count =
          ::pwrite(fd_.get(), model.data() + done, model.size() - done, static_cast<off_t>(done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return from_errno(errno, "the self-test's copy of the model");
      done += static_cast<size_t>(count);
    }
    return {};
  }

  FileDescriptor fd_;
  std::span<uint8_t> place_;
};

/// Waits for the child's end; kills it when the time is up.
auto wait_for(pid_t child, int64_t milliseconds) -> Result<int> {
  FileDescriptor const watch(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  bool late = false;
  if (watch) {
    pollfd wanted{watch.get(), POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&wanted, 1, static_cast<int>(milliseconds));
    } while (ready < 0 && errno == EINTR);
    late = ready == 0;
  }
  if (late) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return from_errno(errno, "waiting for the self-test");
  if (late) return retry("the self-test took longer than " + std::to_string(milliseconds) + " ms");
  return status;
}

}  // namespace

auto SelfTestChild::run(ByteView model) -> Result<> {
  TRY(auto const memory, SharedCopy::make(model));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kModelFd = 3;
  posix_spawn_file_actions_adddup2(&actions, memory.get(), kModelFd);
  std::string program = "/proc/self/exe";
  std::string arguments[] = {"godwit-agent", "self-test", "/proc/self/fd/3"};
  std::string limit = "GODWIT_SELF_TEST_MEMORY=" + std::to_string(limits_.memory_bytes);
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
  // Proved on the instruction set that the trial will run on.
  std::string path;
  if (auto const* chosen = std::getenv("GODWIT_ENGINE_PATH"))
    path = std::string("GODWIT_ENGINE_PATH=") + chosen;
  char* environment[] = {limit.data(), path.empty() ? nullptr : path.data(), nullptr};
  pid_t child = 0;
  int const failure = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environment);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return from_errno(failure, "starting the self-test");
  TRY(int const status, wait_for(child, limits_.milliseconds));
  if (WIFSIGNALED(status))
    return internal("the self-test was ended by signal " + std::to_string(WTERMSIG(status)));
  if (WEXITSTATUS(status) == kSelfTestGood) return {};
  if (WEXITSTATUS(status) == kSelfTestDiffers)
    return corrupt("golden outputs differ from those that the model promises");
  return internal("the self-test ended with exit code " + std::to_string(WEXITSTATUS(status)));
}

}  // namespace godwit::agent
