// How every runner of `scripts/bench engine` is timed: it says that it is ready, then answers each
// line of standard input with the median time of one call in microseconds, so that rounds of rivals
// can be interleaved.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace godwit::bench {

constexpr double kRoundUs = 150'000;
constexpr double kBatchUs = 40;  // A clock read is then less than a thousandth of what is timed.

inline auto now_us() -> double {
  auto const now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

template <typename Call>
auto time_batch(Call& call, int repeats) -> double {
  double const began = now_us();
  for (int i = 0; i < repeats; ++i) call();
  return (now_us() - began) / repeats;
}

template <typename Call>
auto median_us(Call& call, int repeats) -> double {
  std::vector<double> times;
  double const end = now_us() + kRoundUs;
  while (times.size() < 5 || now_us() < end) times.push_back(time_batch(call, repeats));
  auto const middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

/// KiB that are resident now, of this process.
inline auto resident_kib() -> long {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long size = 0, resident = 0;
  if (file && std::fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
  if (file) std::fclose(file);
  return resident * 4;
}

/// `facts` are members of a JSON object, without braces. Returns when standard input ends.
template <typename Call>
void serve_rounds(std::string const& facts, Call call) {
  double const warm = now_us() + kRoundUs;
  double once = 1e9;
  for (int i = 0; i < 3 || now_us() < warm; ++i) once = std::min(once, time_batch(call, 1));
  int const repeats = std::max(1, static_cast<int>(kBatchUs / std::max(once, 0.01)));
  std::printf("{\"resident_kib\": %ld%s%s}\n", resident_kib(), facts.empty() ? "" : ", ",
              facts.c_str());
  std::fflush(stdout);
  char line[16];
  while (std::fgets(line, sizeof line, stdin)) {
    std::printf("%.4f\n", median_us(call, repeats));
    std::fflush(stdout);
  }
}

[[noreturn]] inline void give_up(std::string const& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

/// The same bytes for every rival: a 64-bit linear congruential generator.
inline void fill(uint8_t* bytes, size_t size) {
  uint64_t state = 1;
  for (size_t i = 0; i < size; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = static_cast<uint8_t>(state >> 56);
  }
}

}  // namespace godwit::bench
