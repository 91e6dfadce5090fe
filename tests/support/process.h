// A child process of a test, ended with it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace godwit::test {

class Process {
 public:
  /// Starts it with standard output and error in `log`.
  Process(std::vector<std::string> const& arguments, std::filesystem::path const& log);
  ~Process();
  Process(Process&& other) noexcept;
  Process(Process const&) = delete;
  auto operator=(Process const&) -> Process& = delete;

  auto pid() const -> pid_t { return pid_; }
  auto running() -> bool;
  void signal(int number) const;
  /// The exit code, -1 for another end; kills it after the time.
  auto wait(int timeout_ms = 30'000) -> int;

 private:
  auto poll() -> bool;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

/// Runs a program to its end; its standard output.
struct Finished {
  int exit_code = -1;
  std::string output;
};
auto run(std::vector<std::string> const& arguments) -> Finished;

/// A new folder under the system's temporary folder that every user may enter; removed at the end.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string const& name);
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder const&) = delete;
  auto operator=(TemporaryFolder const&) -> TemporaryFolder& = delete;
  auto path() const -> std::filesystem::path const& { return path_; }

 private:
  std::filesystem::path path_;
};

/// A port of 127.0.0.1 that nobody listens on now.
auto free_port() -> uint16_t;
auto text_of(std::filesystem::path const& file) -> std::string;

/// Waits until the condition holds; false after the time, which is only a bound for failures.
template <typename Condition>
auto eventually(Condition condition, int timeout_ms = 30'000) -> bool;
void sleep_ms(int time_ms);

template <typename Condition>
auto eventually(Condition condition, int timeout_ms) -> bool {
  for (int waited = 0; waited < timeout_ms; waited += 20) {
    if (condition()) return true;
    sleep_ms(20);
  }
  return condition();
}

}  // namespace godwit::test
