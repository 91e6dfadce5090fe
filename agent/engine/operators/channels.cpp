#include "agent/engine/operators/channels.h"

namespace godwit::engine {

void add_values(int8_t const* values, int32_t count, int32_t* sums) {
  for (int32_t i = 0; i < count; ++i) sums[i] += values[i];
}

void add_values(int16_t const* values, int32_t count, int32_t* sums) {
  for (int32_t i = 0; i < count; ++i) sums[i] += values[i];
}

void keep_greatest(int8_t const* values, int32_t count, int8_t* greatest) {
  for (int32_t i = 0; i < count; ++i)
    greatest[i] = greatest[i] > values[i] ? greatest[i] : values[i];
}

void keep_greatest(int16_t const* values, int32_t count, int16_t* greatest) {
  for (int32_t i = 0; i < count; ++i)
    greatest[i] = greatest[i] > values[i] ? greatest[i] : values[i];
}

}  // namespace godwit::engine
