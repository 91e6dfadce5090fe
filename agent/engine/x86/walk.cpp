#include "agent/engine/x86/walk.h"

#include "agent/engine/operators/matrix.h"

namespace godwit::engine::x86 {

namespace {

void copy_values(int8_t const* from, ptrdiff_t count, int8_t* to) {
  std::memcpy(to, from, static_cast<size_t>(count));
}

void copy_values(int8_t const* from, ptrdiff_t count, int16_t* to) {
  widen(from, 0, static_cast<int32_t>(count), to);
}

void fill(int8_t* to, ptrdiff_t count, int8_t value) {
  std::memset(to, value, static_cast<size_t>(count));
}

[[gnu::noinline]] void fill(int16_t* to, ptrdiff_t count, int16_t value) {
  std::fill_n(to, count, value);
}

template <typename Value>
void copy_lines(Convolution const& conv, int32_t batch, int32_t first, int32_t lines, Value* to) {
  auto const zero_point = static_cast<Value>(conv.step.inputs[0].zero_point);
  ptrdiff_t const pitch = conv.copy_pitch();
  int32_t const width = conv.window_width();
  int32_t const left = std::min(conv.p.window.pad_left, width);
  ptrdiff_t const before = ptrdiff_t{left} * conv.in[3];
  ptrdiff_t const inside = ptrdiff_t{std::min(conv.in[2], width - left)} * conv.in[3];
  if (before == 0 && width == conv.in[2]) {  // Lines follow each other without a gap.
    ptrdiff_t const above = std::clamp(-first, 0, lines);
    ptrdiff_t const end = std::clamp<ptrdiff_t>(conv.in[1] - first, above, lines);
    fill(to, above * pitch, zero_point);
    copy_values(conv.line(batch, first + static_cast<int32_t>(above)), (end - above) * pitch,
                to + above * pitch);
    fill(to + end * pitch, (lines - end) * pitch, zero_point);
    return;
  }
  for (int32_t y = first; y < first + lines; ++y, to += pitch) {
    if (y < 0 || y >= conv.in[1]) {
      fill(to, pitch, zero_point);
      continue;
    }
    fill(to, before, zero_point);
    copy_values(conv.line(batch, y), inside, to + before);
    fill(to + before + inside, pitch - before - inside, zero_point);
  }
}

}  // namespace

void Convolution::copy(Layout const& layout, int32_t batch, int32_t first, int32_t lines,
                       void* to) const {
  layout.words ? copy_lines(*this, batch, first, lines, static_cast<int16_t*>(to))
               : copy_lines(*this, batch, first, lines, static_cast<int8_t*>(to));
}

}  // namespace godwit::engine::x86
