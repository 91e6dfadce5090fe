// AVERAGE_POOL_2D and MAX_POOL_2D, over the part of each window that lies inside the input.
#include <algorithm>
#include <limits>

#include "agent/engine/kernel.h"

namespace godwit::engine {

namespace {

struct Area {
  int32_t top, bottom, left, right;  // half open

  auto size() const -> int32_t { return (bottom - top) * (right - left); }
};

auto window_area(proto::PoolParams const& p, Shape const& input, int32_t y, int32_t x) -> Area {
  int32_t const top = y * p.window.stride_height - p.window.pad_top;
  int32_t const left = x * p.window.stride_width - p.window.pad_left;
  return {std::max(top, 0), std::min(top + p.filter_height, input[1]), std::max(left, 0),
          std::min(left + p.filter_width, input[2])};
}

template <typename Visit>
void for_each_pixel(Input const& input, int32_t batch, Area const& area, Visit visit) {
  for (int32_t y = area.top; y < area.bottom; ++y)
    for (int32_t x = area.left; x < area.right; ++x)
      visit(input.int8() +
            ((ptrdiff_t{batch} * input.shape[1] + y) * input.shape[2] + x) * input.shape[3]);
}

template <typename Pool>
void for_each_window(Step const& step, proto::PoolParams const& params, Pool pool) {
  auto const& out = step.output().shape;
  int8_t* output = step.output().int8();
  for (int32_t batch = 0; batch < out[0]; ++batch)
    for (int32_t y = 0; y < out[1]; ++y)
      for (int32_t x = 0; x < out[2]; ++x, output += out[3])
        pool(batch, window_area(params, step.inputs[0].shape, y, x), output);
}

auto clamped(int32_t value, proto::Clamp clamp) -> int8_t {
  return static_cast<int8_t>(std::clamp(value, clamp.low, clamp.high));
}

}  // namespace

void average_pool_2d(Step const& step, void* scratch) {
  auto const params = step.op.params<proto::PoolParams>();
  int32_t const channels = step.output().shape[3];
  auto* const sums = static_cast<int32_t*>(scratch);
  for_each_window(step, params, [&](int32_t batch, Area const& area, int8_t* output) {
    std::fill_n(sums, channels, 0);
    for_each_pixel(step.inputs[0], batch, area, [&](int8_t const* pixel) {
      for (int32_t c = 0; c < channels; ++c) sums[c] += pixel[c];
    });
    int32_t const count = area.size();
    for (int32_t c = 0; c < channels; ++c) {  // to nearest, halves away from zero
      int32_t const half = sums[c] > 0 ? count / 2 : -(count / 2);
      output[c] = clamped((sums[c] + half) / count, params.clamp);
    }
  });
}

void max_pool_2d(Step const& step, void*) {
  auto const params = step.op.params<proto::PoolParams>();
  int32_t const channels = step.output().shape[3];
  for_each_window(step, params, [&](int32_t batch, Area const& area, int8_t* output) {
    std::fill_n(output, channels, std::numeric_limits<int8_t>::min());
    for_each_pixel(step.inputs[0], batch, area, [&](int8_t const* pixel) {
      for (int32_t c = 0; c < channels; ++c) output[c] = std::max(output[c], pixel[c]);
    });
    for (int32_t c = 0; c < channels; ++c) output[c] = clamped(output[c], params.clamp);
  });
}

}  // namespace godwit::engine
