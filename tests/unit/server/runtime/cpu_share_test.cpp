// What work rests to stay within its share of a core.
#include "server/runtime/cpu_share.h"

#include <gtest/gtest.h>

namespace godwit::server {
namespace {

using std::chrono::milliseconds;

TEST(CpuShareTest, WorkThatRestsAsToldStaysWithinItsShare) {
  for (uint32_t const percent : {1u, 10u, 50u, 99u}) {
    CpuShare const share(percent);
    CpuShare::Time cpu{0};
    CpuShare::Time elapsed{0};
    for (int piece = 0; piece < 1000; ++piece) {
      cpu += milliseconds(1 + piece % 7);
      elapsed += milliseconds(1 + piece % 7);
      elapsed += share.rest(cpu, elapsed);
      // What is saved up is less than the least rest.
      EXPECT_LE(cpu * 100 / percent, elapsed + milliseconds(20)) << percent << " " << piece;
    }
    elapsed += share.owed_after(cpu, elapsed);
    EXPECT_LE(cpu * 100 / percent, elapsed) << percent;
    EXPECT_LE(elapsed, cpu * 100 / percent + milliseconds(20)) << "and no more than it must";
  }
}

TEST(CpuShareTest, WhatOthersTookIsRestEnough) {
  CpuShare const share(50);
  EXPECT_EQ(share.rest(milliseconds(100), milliseconds(500)), CpuShare::Time(0));
  EXPECT_EQ(share.rest(milliseconds(100), milliseconds(120)), milliseconds(80));
  EXPECT_EQ(CpuShare(100).rest(milliseconds(100), milliseconds(100)), CpuShare::Time(0));
}

}  // namespace
}  // namespace godwit::server
