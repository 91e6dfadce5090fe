// The logistic function and its inverse as constant tables. They are computed by the compiler in
// integers alone, so every device has the same ones, whatever its floating point does.
#pragma once

#include <array>
#include <cstdint>

namespace godwit::proto::weights {

/// Logits are in units of 1/256, in [-kLogitMax, kLogitMax]; probabilities of a one in 1/65536.
constexpr int kLogitMax = 2047;

struct LogisticTables {
  std::array<uint16_t, 2 * kLogitMax + 1> squash{};
  std::array<uint16_t, 2 * kLogitMax + 1> coded{};  // what the coder is told: never quite certain
  std::array<int16_t, 4096> stretch{};              // by probability / 16
};

constexpr auto make_logistic_tables() -> LogisticTables {
  constexpr uint64_t kOne = uint64_t{1} << 32;
  constexpr uint64_t kStep = 4278222805;  // exp(-1/256) * 2^32
  LogisticTables tables;
  uint64_t power = kOne;  // exp(-x/256) * 2^32
  for (int x = 0; x <= kLogitMax; ++x) {
    // 1 / (1 + exp(-x/256)), rounded down, within what a 16-bit probability can say.
    uint64_t const p = (uint64_t{1} << 48) / (kOne + power);
    tables.squash[kLogitMax + x] = static_cast<uint16_t>(p < 65535 ? p : 65535);
    tables.squash[kLogitMax - x] = static_cast<uint16_t>(65536 - (p < 65535 ? p : 65535));
    power = (power * kStep) >> 32;
  }
  for (size_t i = 0; i < tables.coded.size(); ++i)
    tables.coded[i] = tables.squash[i] < 16      ? 16
                      : tables.squash[i] > 65520 ? 65520
                                                 : tables.squash[i];
  // The inverse: the first logit whose probability reaches that of the middle of the step.
  int x = -kLogitMax;
  for (uint32_t i = 0; i < tables.stretch.size(); ++i) {
    while (x < kLogitMax && tables.squash[kLogitMax + x] < i * 16 + 8) ++x;
    tables.stretch[i] = static_cast<int16_t>(x);
  }
  return tables;
}

inline constexpr LogisticTables kLogistic = make_logistic_tables();

/// Probability of a one in 1/65536, in [1, 65535].
inline auto squash(int32_t logit) -> uint32_t {
  if (logit > kLogitMax) logit = kLogitMax;
  if (logit < -kLogitMax) logit = -kLogitMax;
  return kLogistic.squash[static_cast<uint32_t>(logit + kLogitMax)];
}
/// Of a logit that is known to be inside.
inline auto squash_inside(int32_t logit) -> uint32_t {
  return kLogistic.squash[static_cast<uint32_t>(logit + kLogitMax)];
}
inline auto stretch(uint32_t probability) -> int16_t {
  return kLogistic.stretch[probability >> 4];
}

}  // namespace godwit::proto::weights
