// The table behind sigmoid and tanh of int16 values: sigmoid(i / 24) as 0.16, with the roundings of
// TensorFlow Lite's published table, which no formula gives exactly.
#include "agent/engine/sigmoid.h"

namespace godwit::engine {

uint16_t const kSigmoidTable[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794,
    41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443,
    48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983, 54374,
    54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544,
    58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279,
    61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990,
    63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030,
    64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652,
    64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019,
    65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234,
    65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
    65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476,
    65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501,
    65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516,
    65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529,
    65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532,
    65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
    65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535};

namespace {

struct Interpolated {
  uint32_t table;     // at the step below
  uint32_t distance;  // to the next one
};

auto look_up(uint32_t step) -> Interpolated {
  return {kSigmoidTable[step],
          static_cast<uint32_t>(kSigmoidTable[step + 1] - kSigmoidTable[step])};
}

auto rescaled(int16_t value, int32_t multiplier, int32_t shift) -> int32_t {
  int32_t const round = 1 << shift >> 1;
  return (value * multiplier + round) >> shift;
}

/// A firmware's C library may have no abs.
auto magnitude_of(int32_t x) -> uint32_t {
  return static_cast<uint32_t>((x ^ x >> 31) - (x >> 31));
}

}  // namespace

auto sigmoid(int16_t value, int32_t multiplier, int32_t shift) -> int16_t {
  int32_t const x = rescaled(value, multiplier, shift);
  auto const magnitude = magnitude_of(x);
  uint32_t const step = magnitude >> 9;
  uint32_t result = 0x7fff << 10;
  if (step < 255) {
    auto const at = look_up(step);
    result = (at.table << 9) + (magnitude & 0x1ff) * at.distance;
  }
  // Negative ones are what is left to 1, halves down: signs are anything, so without a branch.
  auto const negative = static_cast<uint32_t>(x >> 31);
  constexpr uint32_t kHalf = 1 << 9;
  result = (result ^ negative) - negative + kHalf + (negative & ((1u << 25) - 1));
  return static_cast<int16_t>(result >> 10);
}

auto tanh(int16_t value, int32_t multiplier, int32_t shift) -> int16_t {
  int32_t const x = rescaled(value, multiplier, shift);
  auto const magnitude = magnitude_of(x);
  uint32_t const step = magnitude >> 8;
  int32_t result = 0xffff << 8;
  if (step < 255) {
    auto const at = look_up(step);
    result = static_cast<int32_t>((at.table << 8) + (magnitude & 0xff) * at.distance);
  }
  int32_t const negative = x >> 31;
  constexpr int32_t kOne = 1 << 23;
  constexpr int32_t kHalf = 1 << 7;
  result = ((result - kOne) ^ negative) - negative + kHalf + negative;
  return static_cast<int16_t>(result >> 8);
}

}  // namespace godwit::engine
