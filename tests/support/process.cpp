#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "proto/base/error.h"

namespace godwit::test {

Process::Process(std::vector<std::string> const& arguments, std::filesystem::path const& log) {
  std::vector<char*> argv;
  for (auto const& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = ::fork();
  CHECK(pid_ >= 0);
  if (pid_ != 0) return;
  int const out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_code_(other.exit_code_) {}

Process::~Process() {
  if (!running()) return;
  signal(SIGKILL);
  wait();
}

auto Process::poll() -> bool {
  if (pid_ < 0 || exit_code_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return true;
}

auto Process::running() -> bool {
  return !poll();
}

void Process::signal(int number) const {
  if (pid_ > 0 && !exit_code_) ::kill(pid_, number);
}

auto Process::wait(int timeout_ms) -> int {
  if (!eventually([this] { return poll(); }, timeout_ms)) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    exit_code_ = -1;
  }
  return exit_code_.value_or(-1);
}

auto run(std::vector<std::string> const& arguments) -> Finished {
  TemporaryFolder const folder("run");
  auto const log = folder.path() / "out";
  Process process(arguments, log);
  auto const exit_code = process.wait(60'000);
  return {exit_code, text_of(log)};
}

TemporaryFolder::TemporaryFolder(std::string const& name) {
  auto pattern = (std::filesystem::temp_directory_path() / ("godwit-" + name + "-XXXXXX")).string();
  CHECK(::mkdtemp(pattern.data()));
  path_ = pattern;
  CHECK(::chmod(path_.c_str(), 0755) == 0);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

auto free_port() -> uint16_t {
  int const socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  CHECK(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

auto text_of(std::filesystem::path const& file) -> std::string {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void sleep_ms(int time_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(time_ms));
}

}  // namespace godwit::test
