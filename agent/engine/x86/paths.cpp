// The paths on x86-64: what each instruction set brings, and how to know that it is here.
#include <cpuid.h>

#include "agent/engine/operators/nibbles.h"
#include "agent/engine/x86/conv.h"
#include "agent/engine/x86/depthwise.h"
#include "agent/engine/x86/elementwise.h"
#include "agent/engine/x86/lstm.h"
#include "agent/engine/x86/matmul.h"
#include "agent/engine/x86/nibbles.h"
#include "agent/engine/x86/pixels.h"
#include "agent/engine/x86/svdf.h"
#include "agent/engine/x86/tiles.h"

namespace godwit::engine {

namespace {

using proto::Opcode;
using namespace x86;

// That the operating system keeps the registers is part of the answer: libgcc asks xgetbv.
auto has_avx512() -> bool {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("bmi2");
}

auto has_avx2() -> bool {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/// Word 7.1.eax, bit 4: libgcc of g++ 12 does not know the name.
auto has_avxvnni() -> bool {
  uint32_t eax, ebx, ecx, edx;
  if (!has_avx2() || !__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) return false;
  return eax >> 4 & 1;
}

/// Kernels of a layout; `Multiply` and `Strip` are those of the instruction set.
template <Layout kLayout, MultiplyRows kMultiply>
constexpr Kernel kConv = {
    Opcode::conv_2d,
    [](Step const& step, void* scratch) { conv_run(step, kLayout, kMultiply, scratch, {}); },
    [](Step const& step) { return conv_scratch_bytes(step, kLayout); },
    [](Step const& step) { return conv_packed_bytes(step, kLayout); },
    [](Step const& step, uint8_t* packed) { conv_pack(step, kLayout, packed); },
    [](Step const& step) { return conv_fits(step, kLayout); },
    kPacksWeights,
    [](Step const& step, void* scratch, Part part) {
      conv_run(step, kLayout, kMultiply, scratch, part);
    }};

/// A depthwise convolution of one input channel is a matrix product.
constexpr auto as_depthwise(Kernel kernel) -> Kernel {
  kernel.code = Opcode::depthwise_conv_2d;
  return kernel;
}

template <Layout kLayout, DepthwiseStrip kStrip>
constexpr Kernel kDepthwise = {
    Opcode::depthwise_conv_2d,
    [](Step const& step, void* scratch) { depthwise_run(step, kLayout, kStrip, scratch, {}); },
    [](Step const& step) { return depthwise_scratch_bytes(step, kLayout); },
    [](Step const& step) { return depthwise_packed_bytes(step, kLayout); },
    [](Step const& step, uint8_t* packed) { depthwise_pack(step, kLayout, packed); },
    [](Step const& step) { return depthwise_fits(step, kLayout); },
    kPacksWeights,
    [](Step const& step, void* scratch, Part part) {
      depthwise_run(step, kLayout, kStrip, scratch, part);
    }};

template <Layout kLayout, MultiplyRows kMultiply>
constexpr Kernel kFullyConnected = {
    Opcode::fully_connected,
    [](Step const& step, void* scratch) { fully_connected_run(step, kLayout, kMultiply, scratch); },
    [](Step const& step) { return fully_connected_scratch_bytes(step, kLayout); },
    fully_connected_packed_bytes,
    [](Step const& step, uint8_t* packed) { fully_connected_pack(step, kLayout, packed); },
    fully_connected_fits,
    kPacksWeights};

template <Layout kLayout, auto kRun, SumGroup kSum>
constexpr Kernel kLstm = {
    Opcode::unidirectional_sequence_lstm,
    [](Step const& step, void* scratch) { kRun(step, kLayout, kSum, scratch); },
    [](Step const& step) { return lstm_scratch_bytes(step, kLayout); },
    lstm_packed_bytes,
    [](Step const& step, uint8_t* packed) { lstm_pack(step, kLayout, packed); },
    lstm_fits,
    1u << 1 | 1u << 2};  // weights of the input and of the hidden state

template <int32_t kPercentMost>
constexpr Kernel kTiles = {
    Opcode::conv_2d,     [](Step const& step, void* scratch) { tiles_run(step, scratch, {}); },
    tiles_scratch_bytes, tiles_packed_bytes,
    tiles_pack,          [](Step const& step) { return tiles_fit(step, kPercentMost); },
    kPacksWeights,       tiles_run};

// The first kernel of an operator that fits a step is taken.
constexpr Kernel kAvx512Kernels[] = {
    kConv<kAvx512Layout, multiply_rows_avx512>,
    as_depthwise(kConv<kAvx512Layout, multiply_rows_avx512>),
    kDepthwise<kAvx512Layout, depthwise_strip_avx512>,
    kFullyConnected<kAvx512Layout, multiply_rows_avx512>,
    kFullyConnected4<nibble_sum_avx512>,
    kLstm4<nibble_sum_avx512>,
    {Opcode::add, add_avx512, nullptr, add_packed_bytes, add_pack, add_fits},
    {Opcode::sub, add_avx512, nullptr, add_packed_bytes, add_pack, add_fits},
    {Opcode::mul, mul_avx512, nullptr, scalable_bytes, mul_pack, mul_fits},
    {Opcode::maximum, choose_avx512, nullptr, nullptr, nullptr, choice_fits},
    {Opcode::minimum, choose_avx512, nullptr, nullptr, nullptr, choice_fits},
    {Opcode::quantize, quantize_avx512, nullptr, nullptr, nullptr, quantize_fits},
    {Opcode::average_pool_2d, average_pool_avx512, nullptr, nullptr, nullptr, average_pool_fits},
    {Opcode::max_pool_2d, max_pool_avx512, nullptr, nullptr, nullptr, max_pool_fits},
    {Opcode::lookup, lookup_avx512, nullptr, nullptr, nullptr, lookup_fits},
    kLstm<kAvx512Layout, lstm_avx512, sum_group_avx512>,
};
constexpr Path kAvx512 = {"avx512", has_avx512, kAvx512Kernels, true, true};

// What it does not have is taken from AVX2.
constexpr Kernel kAvxVnniKernels[] = {
    kTiles<34>,
    kConv<kAvxVnniLayout, multiply_rows_avxvnni>,
    as_depthwise(kConv<kAvxVnniLayout, multiply_rows_avxvnni>),
    kFullyConnected<kAvxVnniLayout, multiply_rows_avxvnni>,
    kLstm<kAvxVnniLayout, lstm_avx2, sum_group_avxvnni>,
};
constexpr Path kAvxVnni = {"avxvnni", has_avxvnni, kAvxVnniKernels, true, true};

/// What AVX2 averages may be read past its last pixel.
auto reads_arena(Step const& step) -> bool {
  return step.inputs[0].place == proto::Place::arena;
}

constexpr Kernel kAvx2Kernels[] = {
    kTiles<80>,
    kConv<kAvx2Layout, multiply_rows_avx2>,
    as_depthwise(kConv<kAvx2Layout, multiply_rows_avx2>),
    kDepthwise<kAvx2Layout, depthwise_strip_avx2>,
    kFullyConnected<kAvx2Layout, multiply_rows_avx2>,
    kFullyConnected4<nibble_sum_avx2>,
    kLstm4<nibble_sum_avx2>,
    {Opcode::add, add_avx2, nullptr, add_packed_bytes, add_pack, add_fits},
    {Opcode::sub, add_avx2, nullptr, add_packed_bytes, add_pack, add_fits},
    {Opcode::mul, mul_avx2, nullptr, scalable_bytes, mul_pack, mul_fits},
    {Opcode::maximum, choose_avx2, nullptr, nullptr, nullptr, choice_fits},
    {Opcode::minimum, choose_avx2, nullptr, nullptr, nullptr, choice_fits},
    {Opcode::quantize, quantize_avx2, nullptr, nullptr, nullptr, quantize_fits},
    {Opcode::average_pool_2d, average_pool_avx2, nullptr, nullptr, nullptr,
     [](Step const& step) { return reads_arena(step) && average_pool_fits(step); }},
    {Opcode::mean, mean_avx2, nullptr, scalable_bytes, mean_pack,
     [](Step const& step) {
       return mean_lines(step).inner > 1 && reads_arena(step) && mean_fits(step);
     }},
    {Opcode::mean, mean_of_lines_avx2, nullptr, scalable_bytes, mean_pack,
     [](Step const& step) { return mean_lines(step).inner == 1 && mean_fits(step); }},
    {Opcode::squared_difference, squared_difference_avx2, nullptr, add_packed_bytes, add_pack,
     squared_difference_fits},
    {Opcode::batch_matmul, matmul_run, matmul_scratch_bytes, scalable_bytes, matmul_pack,
     matmul_fits},
    {Opcode::arg_max, arg_avx2, nullptr, nullptr, nullptr, arg_fits},
    {Opcode::arg_min, arg_avx2, nullptr, nullptr, nullptr, arg_fits},
    {Opcode::resize_bilinear_real, resize_real_avx2, resize_real_scratch_bytes, nullptr, nullptr,
     resize_real_fits},
    {Opcode::prelu, prelu_avx2, nullptr, prelu_packed_bytes, prelu_pack, prelu_fits},
    {Opcode::lookup, lookup_avx2, nullptr, nullptr, nullptr, lookup_fits},
    kLstm<kAvx2Layout, lstm_avx2, sum_group_avx2>,
    {Opcode::svdf, svdf_avx2, svdf_scratch_bytes, svdf_packed_bytes, svdf_pack, svdf_fits,
     1u << 1},  // of the input; those of time are packed wider
};
constexpr Path kAvx2 = {"avx2", has_avx2, kAvx2Kernels, true, true};

}  // namespace

auto paths() -> std::span<Path const* const> {
  static constexpr Path const* kPaths[] = {&kAvx512, &kAvxVnni, &kAvx2, &kPortable};
  return kPaths;
}

}  // namespace godwit::engine
