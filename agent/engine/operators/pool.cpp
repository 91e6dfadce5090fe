// AVERAGE_POOL_2D and MAX_POOL_2D, over the part of each window that lies inside the input.
#include <algorithm>
#include <limits>

#include "agent/engine/operators/channels.h"
#include "agent/engine/operators/operators.h"

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

template <typename T, typename Visit>
void for_each_pixel(Input const& input, int32_t batch, Area const& area, Visit visit) {
  auto const* const values = reinterpret_cast<T const*>(input.data);
  for (int32_t y = area.top; y < area.bottom; ++y)
    for (int32_t x = area.left; x < area.right; ++x)
      visit(values +
            ((ptrdiff_t{batch} * input.shape[1] + y) * input.shape[2] + x) * input.shape[3]);
}

template <typename T, typename Pool>
void for_each_window(Step const& step, proto::PoolParams const& params, Pool pool) {
  auto const& out = step.output().shape;
  T* output = reinterpret_cast<T*>(step.output().data);
  for (int32_t batch = 0; batch < out[0]; ++batch)
    for (int32_t y = 0; y < out[1]; ++y)
      for (int32_t x = 0; x < out[2]; ++x, output += out[3])
        pool(batch, window_area(params, step.inputs[0].shape, y, x), output);
}

template <typename T>
auto clamped(int32_t value, proto::Clamp clamp) -> T {
  return static_cast<T>(std::clamp(value, clamp.low, clamp.high));
}

/// To nearest, halves away from zero.
auto half_away(int32_t sum, int32_t count) -> int32_t {
  return (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
}

/// To nearest, halves upwards: halves away from zero, for a sum of bytes that were moved by 128.
auto half_up(int32_t sum, int32_t count) -> int32_t {
  int32_t const moved = sum + count / 2;
  return moved / count - (moved % count < 0 ? 1 : 0);
}

template <typename T, typename Divide>
void average_pool(Step const& step, int32_t* sums, Divide divide) {
  auto const params = step.op.params<proto::PoolParams>();
  int32_t const channels = step.output().shape[3];
  for_each_window<T>(step, params, [&](int32_t batch, Area const& area, T* output) {
    std::fill_n(sums, channels, 0);
    for_each_pixel<T>(step.inputs[0], batch, area,
                      [&](T const* pixel) { add_values(pixel, channels, sums); });
    int32_t const count = area.size();
    for (int32_t c = 0; c < channels; ++c)
      output[c] = clamped<T>(divide(sums[c], count), params.clamp);
  });
}

template <typename T>
void max_pool(Step const& step) {
  auto const params = step.op.params<proto::PoolParams>();
  int32_t const channels = step.output().shape[3];
  for_each_window<T>(step, params, [&](int32_t batch, Area const& area, T* output) {
    std::fill_n(output, channels, std::numeric_limits<T>::min());
    for_each_pixel<T>(step.inputs[0], batch, area,
                      [&](T const* pixel) { keep_greatest(pixel, channels, output); });
    for (int32_t c = 0; c < channels; ++c) output[c] = clamped<T>(output[c], params.clamp);
  });
}

auto is_wide(Step const& step) -> bool {
  return step.output().type == proto::TensorType::int16;
}

}  // namespace

void average_pool_2d(Step const& step, void* scratch) {
  auto* const sums = static_cast<int32_t*>(scratch);
  if (is_wide(step)) return average_pool<int16_t>(step, sums, half_away);
  average_pool<int8_t>(step, sums, half_away);
}

void average_pool_2d_up(Step const& step, void* scratch) {
  average_pool<int8_t>(step, static_cast<int32_t*>(scratch), half_up);
}

void max_pool_2d(Step const& step, void*) {
  if (is_wide(step)) return max_pool<int16_t>(step);
  max_pool<int8_t>(step);
}

}  // namespace godwit::engine
