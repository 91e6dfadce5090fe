// The SelfTest port: the model's golden check in a child process (`godwit-agent self-test FILE`)
// with limits of time and memory, so that a model that makes the engine misbehave harms nobody.
#pragma once

#include "agent/core/ports.h"

namespace godwit::agent {

/// Exit codes of the child.
constexpr int kSelfTestGood = 0;
constexpr int kSelfTestDiffers = 6;

class SelfTestChild : public SelfTest {
 public:
  struct Limits {
    int64_t milliseconds = 60'000;
    uint64_t memory_bytes = 512u << 20;  // address space
  };
  explicit SelfTestChild(Limits limits) : limits_(limits) {}
  auto run(ByteView model) -> Result<> override;

 private:
  Limits limits_;
};

}  // namespace godwit::agent
