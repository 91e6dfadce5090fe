// RESIZE_BILINEAR with coordinates of ten fractional bits, and in float32.
#include <algorithm>
#include <bit>

#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

constexpr int32_t kOne = 1 << 10;

/// Where an output index falls among the inputs: between which two, and how far from the lower one.
struct Place {
  int32_t lower;
  int32_t upper;
  int32_t fraction;
};

auto place(int32_t index, int32_t scale, bool half_pixel_centers, int32_t count) -> Place {
  int64_t const at = int64_t{index} * scale + (half_pixel_centers ? scale / 2 - kOne / 2 : 0);
  auto const last = int64_t{count} - 1;
  auto const lower = static_cast<int32_t>(std::clamp<int64_t>(at / kOne, 0, last));
  auto const upper = static_cast<int32_t>(std::clamp<int64_t>((at + kOne - 1) / kOne, 0, last));
  return {lower, upper, static_cast<int32_t>(at - int64_t{kOne} * lower)};
}

/// Of an axis of RESIZE_BILINEAR_REAL: what the compiler found for each output index.
struct RealPlace {
  int32_t lower;
  int32_t upper;
  float fraction;

  RealPlace(Input const& table, int32_t index) {
    auto const at = 3 * static_cast<size_t>(index);
    lower = table.constant<int32_t>(at);
    upper = table.constant<int32_t>(at + 1);
    fraction = std::bit_cast<float>(table.constant<int32_t>(at + 2));
  }
};

}  // namespace

/// uint8, moved by 128: in float32, as TensorFlow Lite's kernel adds it up.
void resize_bilinear_real(Step const& step, void*) {
  auto const& in = step.inputs[0];
  auto const& out = step.output().shape;
  int8_t* to = step.output().int8();
  for (int32_t batch = 0; batch < out[0]; ++batch)
    for (int32_t row = 0; row < out[1]; ++row) {
      RealPlace const y(step.inputs[1], row);
      for (int32_t column = 0; column < out[2]; ++column) {
        RealPlace const x(step.inputs[2], column);
        auto const pixel = [&](int32_t at_y, int32_t at_x) {
          return in.int8() +
                 ((ptrdiff_t{batch} * in.shape[1] + at_y) * in.shape[2] + at_x) * in.shape[3];
        };
        int8_t const* const corners[] = {pixel(y.lower, x.lower), pixel(y.upper, x.lower),
                                         pixel(y.lower, x.upper), pixel(y.upper, x.upper)};
        float const from_y[] = {1 - y.fraction, y.fraction, 1 - y.fraction, y.fraction};
        float const from_x[] = {1 - x.fraction, 1 - x.fraction, x.fraction, x.fraction};
        for (int32_t c = 0; c < out[3]; ++c) {
          auto const part = [&](size_t k) {
            return static_cast<float>(corners[k][c] + 128) * from_y[k] * from_x[k];
          };
          float const sum = part(0) + part(1) + part(2) + part(3) + 0.5f;
          *to++ = static_cast<int8_t>(static_cast<int32_t>(std::clamp(sum, 0.0f, 255.0f)) - 128);
        }
      }
    }
}

void resize_bilinear(Step const& step, void*) {
  auto const p = step.op.params<proto::ResizeParams>();
  auto const& in = step.inputs[0];
  auto const& out = step.output().shape;
  int32_t const depth = out[3];
  int8_t* to = step.output().int8();
  auto const pixel = [&](int32_t batch, int32_t y, int32_t x) {
    return in.int8() + ((ptrdiff_t{batch} * in.shape[1] + y) * in.shape[2] + x) * in.shape[3];
  };
  for (int32_t batch = 0; batch < out[0]; ++batch)
    for (int32_t row = 0; row < out[1]; ++row) {
      auto const y = place(row, p.height_scale, p.half_pixel_centers, in.shape[1]);
      for (int32_t column = 0; column < out[2]; ++column, to += depth) {
        auto const x = place(column, p.width_scale, p.half_pixel_centers, in.shape[2]);
        int8_t const* const corners[] = {
            pixel(batch, y.lower, x.lower), pixel(batch, y.upper, x.lower),
            pixel(batch, y.lower, x.upper), pixel(batch, y.upper, x.upper)};
        int64_t const weights[] = {int64_t{kOne - y.fraction} * (kOne - x.fraction),
                                   int64_t{y.fraction} * (kOne - x.fraction),
                                   int64_t{kOne - y.fraction} * x.fraction,
                                   int64_t{y.fraction} * x.fraction};
        for (int32_t c = 0; c < depth; ++c) {
          int64_t sum = 0;
          for (size_t k = 0; k < 4; ++k) sum += corners[k][c] * weights[k];
          int64_t const half = sum > 0 ? 1 << 19 : -(1 << 19);
          to[c] = static_cast<int8_t>((sum + half) / (1 << 20));
        }
      }
    }
}

}  // namespace godwit::engine
