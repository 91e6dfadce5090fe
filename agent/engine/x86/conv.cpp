#include "agent/engine/x86/conv.h"

#include <emmintrin.h>

#include "agent/engine/x86/walk.h"

namespace godwit::engine::x86 {

namespace {

constexpr int32_t kRunsMax = 4096;  // of a window: bounds what conv_pack keeps on the stack

auto is_depthwise(Step const& step) -> bool {
  return step.op.code() == proto::Opcode::depthwise_conv_2d;
}

auto rows_of(Convolution const& conv) -> int32_t {
  return conv.out[0] * conv.out[1] * conv.out[2];
}

/// Bytes that windows of three columns slide by from row to row, where a product may use it.
auto slide(Convolution const& conv, Layout const& layout) -> int32_t {
  bool const slides = layout.slides && weight_parts(conv.step) == 1 && !is_depthwise(conv.step) &&
                      conv.kernel_width == 3 && conv.p.dilation_width == 1 &&
                      conv.p.window.stride_width == 1 && conv.in[3] % kDepth == 0 &&
                      conv.out[3] > kLanes / 2 && conv.out[3] <= 2 * kLanes;
  return slides ? conv.in[3] : 0;
}

auto runs_of(Convolution const& conv, Layout const& layout) -> Runs {
  int32_t const taps = conv.kernel_height * conv.kernel_width;
  Runs runs = conv.p.dilation_width == 1
                  ? Runs{conv.kernel_height, conv.kernel_width * conv.in[3], 0, 1}
                  : Runs{taps, conv.in[3], 0, 1};
  runs.channel_stride = ptrdiff_t{taps} * conv.in[3];
  if (is_depthwise(conv.step)) {  // of one input channel: weights lie tap by tap
    runs.channel_stride = 1;
    runs.depth_stride = conv.out[3];
  }
  runs.parts = weight_parts(conv.step);
  runs.count *= runs.parts;
  runs.even = rows_of(conv) > 1 && !slide(conv, layout) && ends_half(layout, conv.out[3], runs);
  return runs;
}

auto copies(Convolution const& conv, Layout const& layout) -> bool {
  auto const runs = runs_of(conv, layout);
  bool const read_whole = runs.steps_per_run() * kDepth == runs.run_bytes;
  return layout.words || !conv.lies_inside() || !read_whole || overlaps(conv.step);
}

auto pitch(Convolution const& conv, Layout const& layout) -> ptrdiff_t {
  return copies(conv, layout) ? conv.copy_pitch() : ptrdiff_t{conv.in[2]} * conv.in[3];
}

/// Scratch memory: sums, then pointers to the rows of a strip, then copied lines.
auto pointers_bytes(Convolution const& conv) -> uint64_t {
  uint64_t const rows =
      uint64_t{static_cast<uint32_t>(conv.strip_lines())} * static_cast<uint32_t>(conv.out[2]);
  return (rows * sizeof(void*) + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

/// Pointers to `count` rows, two at a time.
void point_at(uint8_t const* first, ptrdiff_t apart, int32_t count, void const** rows) {
  auto const at = reinterpret_cast<int64_t>(first);
  auto two = _mm_set_epi64x(at + apart, at);
  auto const next = _mm_set1_epi64x(2 * apart);
  for (; count >= 2; count -= 2, rows += 2, two = _mm_add_epi64(two, next))
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows), two);
  if (count) _mm_storel_epi64(reinterpret_cast<__m128i*>(rows), two);
}

/// Where the strips of a step are, worked out once.
struct alignas(kMemoryAlignment) Strips {
  int32_t lines;
  bool copies;
  ptrdiff_t line_step,
      column_step;   // bytes between rows, in the input or its copy
  uint64_t copy_at;  // in scratch
};

}  // namespace

auto conv_fits(Step const& step, Layout const& layout) -> bool {
  Convolution const conv(step);
  auto const runs = runs_of(conv, layout);
  return (!is_depthwise(step) || conv.in[3] == 1) && runs.count <= kRunsMax && fits_weights(step) &&
         conv_scratch_bytes(step, layout) <= kCopyBytesMax &&
         fits_blocks(step, int64_t{runs.count} * runs.run_bytes);
}

auto conv_packed_bytes(Step const& step, Layout const& layout) -> uint64_t {
  return sizeof(Strips) + matrix_bytes(step.output().shape[3], runs_of(Convolution(step), layout));
}

void conv_pack(Step const& step, Layout const& layout, uint8_t* packed) {
  Convolution const conv(step);
  auto const runs = runs_of(conv, layout);
  std::memset(packed, 0, sizeof(Strips));
  auto& strips = *reinterpret_cast<Strips*>(packed);
  strips.lines = conv.strip_lines();
  strips.copies = copies(conv, layout);
  strips.line_step = layout.value_bytes() * conv.p.window.stride_height * pitch(conv, layout);
  strips.column_step = ptrdiff_t{layout.value_bytes()} * conv.p.window.stride_width * conv.in[3];
  strips.copy_at = kSumsBytes + pointers_bytes(conv);
  int32_t offsets[kRunsMax];
  int32_t const once = runs.count / runs.parts;
  int32_t const per_line = once / conv.kernel_height;
  for (int32_t i = 0; i < runs.count; ++i)
    offsets[i] =
        static_cast<int32_t>(i % once / per_line * conv.p.dilation_height * pitch(conv, layout) +
                             ptrdiff_t{i % once % per_line} * conv.p.dilation_width * conv.in[3]);
  pack_matrix(step, layout, finish_of(step, conv.p.clamp), runs, offsets, rows_of(conv),
              packed + sizeof(Strips));
  reinterpret_cast<Matrix*>(packed + sizeof(Strips))->slide = slide(conv, layout);
}

auto conv_scratch_bytes(Step const& step, Layout const& layout) -> uint64_t {
  Convolution const conv(step);
  return kSumsBytes + pointers_bytes(conv) +
         (copies(conv, layout) ? conv.copy_bytes(layout, conv.strip_lines()) : 0);
}

void conv_run(Step const& step, Layout const& layout, MultiplyRows multiply, void* scratch,
              Part part) {
  Convolution const conv(step);
  auto const& strips = *reinterpret_cast<Strips const*>(step.packed);
  auto const& matrix = *reinterpret_cast<Matrix const*>(step.packed + sizeof(Strips));
  auto const& out = conv.out;
  auto* const bytes = static_cast<uint8_t*>(scratch);
  auto* const rows = reinterpret_cast<void const**>(bytes + kSumsBytes);
  auto* const copy = bytes + strips.copy_at;
  int32_t const first = part.begin(out[1]);
  int32_t const end = part.end(out[1]);
  for (int32_t batch = 0; batch < out[0]; ++batch) {
    int8_t* output = step.output().int8() + (ptrdiff_t{batch} * out[1] + first) * out[2] * out[3];
    for (int32_t y = first; y < end; y += strips.lines) {
      int32_t const lines = std::min(strips.lines, end - y);
      uint8_t const* line = copy;
      if (strips.copies)
        conv.copy(layout, batch, conv.top(y), conv.window_height(lines), copy);
      else
        line = reinterpret_cast<uint8_t const*>(conv.line(batch, conv.top(y)));
      for (int32_t i = 0; i < lines; ++i, line += strips.line_step)
        point_at(line, strips.column_step, out[2], rows + ptrdiff_t{i} * out[2]);
      int32_t const count = lines * out[2];
      multiply(matrix, rows, count, output, out[3], static_cast<int32_t*>(scratch));
      output += ptrdiff_t{count} * out[3];
    }
  }
}

}  // namespace godwit::engine::x86
