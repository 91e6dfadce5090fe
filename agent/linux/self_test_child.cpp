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

namespace godwit::agent {
namespace {

/// The model in memory that a child can open by name and nobody else can change.
auto sealed_memory(ByteView model) -> Result<FileDescriptor> {
  FileDescriptor fd(::memfd_create("model", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return from_errno(errno, "memfd_create");
  size_t done = 0;
  while (done < model.size()) {
    auto const count = ::write(fd.get(), model.data() + done, model.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return from_errno(errno, "the self-test's copy of the model");
    done += static_cast<size_t>(count);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    return from_errno(errno, "sealing the self-test's copy");
  return fd;
}

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
  TRY(auto const memory, sealed_memory(model));
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
