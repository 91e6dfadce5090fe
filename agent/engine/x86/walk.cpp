#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

namespace {

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
    std::fill_n(to, above * pitch, zero_point);
    std::copy_n(conv.line(batch, first + static_cast<int32_t>(above)), (end - above) * pitch,
                to + above * pitch);
    std::fill_n(to + end * pitch, (lines - end) * pitch, zero_point);
    return;
  }
  for (int32_t y = first; y < first + lines; ++y, to += pitch) {
    if (y < 0 || y >= conv.in[1]) {
      std::fill_n(to, pitch, zero_point);
      continue;
    }
    std::fill_n(to, before, zero_point);
    std::copy_n(conv.line(batch, y), inside, to + before);
    std::fill_n(to + before + inside, pitch - before - inside, zero_point);
  }
}

}  // namespace

void Convolution::copy(Layout const& layout, int32_t batch, int32_t first, int32_t lines,
                       void* to) const {
  layout.words ? copy_lines(*this, batch, first, lines, static_cast<int16_t*>(to))
               : copy_lines(*this, batch, first, lines, static_cast<int8_t*>(to));
}

}  // namespace godwit::engine::x86
