// Loops over the channels of a pixel, which compilers turn into vectors: pools and means.
#pragma once

#include <cstdint>

namespace godwit::engine {

void add_values(int8_t const* values, int32_t count, int32_t* sums);
void add_values(int16_t const* values, int32_t count, int32_t* sums);
void keep_greatest(int8_t const* values, int32_t count, int8_t* greatest);
void keep_greatest(int16_t const* values, int32_t count, int16_t* greatest);

}  // namespace godwit::engine
