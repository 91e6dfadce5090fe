// The paths on x86-64: what each instruction set brings, and how to know that it is here.
#include "agent/engine/x86/conv.h"
#include "agent/engine/x86/depthwise.h"

namespace godwit::engine {

namespace {

using proto::Opcode;
using namespace x86;

/// The processor has them and the operating system keeps their registers (libgcc asks xgetbv).
auto has_avx512() -> bool {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

void conv_avx512(Step const& step, void* scratch) {
  conv_run(step, scratch, multiply_rows_avx512);
}

void fully_connected_avx512(Step const& step, void* scratch) {
  fully_connected_run(step, scratch, multiply_rows_avx512);
}

// The first kernel of an operator that fits is taken: a depthwise convolution of one input channel
// is a matrix product.
constexpr Kernel kAvx512Kernels[] = {
    {Opcode::conv_2d, conv_avx512, conv_scratch_bytes, conv_packed_bytes, conv_pack, conv_fits},
    {Opcode::depthwise_conv_2d, conv_avx512, conv_scratch_bytes, conv_packed_bytes, conv_pack,
     conv_fits},
    {Opcode::depthwise_conv_2d, depthwise_avx512, depthwise_scratch_bytes, depthwise_packed_bytes,
     depthwise_pack, depthwise_fits},
    {Opcode::fully_connected, fully_connected_avx512, fully_connected_scratch_bytes,
     fully_connected_packed_bytes, fully_connected_pack, fully_connected_fits},
};
constexpr Path kAvx512 = {"avx512", has_avx512, kAvx512Kernels};

}  // namespace

auto paths() -> std::span<Path const* const> {
  static constexpr Path const* kPaths[] = {&kAvx512, &kPortable};
  return kPaths;
}

}  // namespace godwit::engine
