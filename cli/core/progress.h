// How far something long has come: one line on a terminal's standard error, rewritten at each
// percent; nothing anywhere else.
#pragma once

#include <cstdint>
#include <string>

#include "cli/core/context.h"

namespace godwit::cli {

class Progress {
 public:
  /// `total` of what is counted; 0: unknown, only the label is shown.
  Progress(Context& context, std::string label, uint64_t total);
  ~Progress();  // takes the line away
  Progress(Progress const&) = delete;
  auto operator=(Progress const&) -> Progress& = delete;

  void reached(uint64_t done);
  /// Begins something else, of which nothing is done; `total` as above.
  void rename(std::string label, uint64_t total = 0);

 private:
  void show();

  Context& context_;
  std::string label_;
  uint64_t total_;
  uint64_t percent_ = 0;
  bool shown_;
};

}  // namespace godwit::cli
