// A folder with the durability of POSIX and no more, which can lose power at any changing
// operation: what was not synced is then lost, torn or kept, as the test says.
#pragma once

#include <map>

#include "agent/core/ports.h"

namespace godwit::agent::sim {

/// What is left of the operation that power was lost in, and of all that was not synced.
enum class Loss {
  all,         // nothing of it
  none,        // everything, by luck
  torn,        // names, and the first half of what was written
  names_kept,  // names, but not the bytes written under them
};
constexpr Loss kLosses[] = {Loss::all, Loss::none, Loss::torn, Loss::names_kept};
auto to_string(Loss loss) -> char const*;

/// Of the heap.
class SimMemory : public Memory {
 public:
  auto take(uint64_t size_bytes) -> Result<Plaintext> override;
};

class SimFiles : public Files {
 public:
  /// Power goes at the n-th changing operation from now (1: the next one); 0: never.
  void cut_at(int n, Loss loss) {
    cut_at_ = n == 0 ? 0 : operations_ + n;
    loss_ = loss;
  }
  /// The n-th changing operation from now fails once, without any effect; 0: none.
  void fail_at(int n) { fail_at_ = n == 0 ? 0 : operations_ + n; }
  /// Power is gone now: nothing works until power_on().
  void power_off(Loss loss);
  void power_on() { powered_ = true; }
  auto powered() const -> bool { return powered_; }
  /// Changing operations so far.
  auto operations() const -> int { return operations_; }
  /// Bytes that were written so far into files whose names begin so.
  auto written_to(std::string_view prefix) const -> uint64_t;

  auto size(std::string_view name) const -> Result<uint64_t> override;
  auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override;
  auto map(std::string_view name) const -> Result<Plaintext> override;
  auto write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> override;
  auto truncate(std::string_view name, uint64_t size) -> Result<> override;
  auto sync(std::string_view name) -> Result<> override;
  auto rename(std::string_view from, std::string_view to) -> Result<> override;
  auto remove(std::string_view name) -> Result<> override;
  auto sync_folder() -> Result<> override;

  /// Whether these bytes stand in any file, removed ones included.
  auto hold(ByteView bytes) const -> bool;
  /// Overwrites a byte of a file durably: a damaged flash.
  void damage(std::string_view name, size_t offset);

 private:
  struct File {
    Bytes durable;
    Bytes now;
  };
  auto find(std::string_view name) const -> Result<size_t>;
  /// Counts an operation and does it; loses power or fails where it was told to.
  auto change(auto operation) -> Result<>;

  std::vector<File> files_;  // never removed from: a test's life is short
  std::map<std::string, size_t, std::less<>> names_;
  std::map<std::string, size_t, std::less<>> durable_names_;
  std::map<std::string, uint64_t, std::less<>> written_;
  int operations_ = 0;
  int cut_at_ = 0;
  int fail_at_ = 0;
  Loss loss_ = Loss::all;
  bool powered_ = true;
};

}  // namespace godwit::agent::sim
