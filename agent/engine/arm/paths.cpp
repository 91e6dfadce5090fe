// The paths on Arm, 32 and 64 bits: what each instruction set brings, and how to know it is here.
#include "agent/engine/arm/matrix.h"
#include "agent/engine/arm/nibbles.h"
#include "agent/engine/operators/nibbles.h"

namespace godwit::engine {

namespace {

using proto::Opcode;
using namespace arm;

#if defined(__ARM_NEON)  // of 32-bit processors only those that the build asks for; docs/engine.md

template <MultiplyRows kMultiply>
void conv(Step const& step, void* scratch) {
  conv_run(step, kMultiply, scratch, {});
}

template <MultiplyRows kMultiply>
void conv_part(Step const& step, void* scratch, Part part) {
  conv_run(step, kMultiply, scratch, part);
}

template <MultiplyRows kMultiply>
void connected(Step const& step, void* scratch) {
  fully_connected_run(step, kMultiply, scratch);
}

template <Order kOrder>
void pack_conv(Step const& step, uint8_t* packed) {
  conv_pack(step, kOrder, packed);
}

template <Order kOrder>
void pack_connected(Step const& step, uint8_t* packed) {
  fully_connected_pack(step, kOrder, packed);
}

template <MultiplyRows kMultiply, Order kOrder>
constexpr Kernel kConv = {Opcode::conv_2d,   conv<kMultiply>,     conv_scratch_bytes,
                          conv_packed_bytes, pack_conv<kOrder>,   nullptr,
                          kPacksWeights,     conv_part<kMultiply>};
template <MultiplyRows kMultiply, Order kOrder>
constexpr Kernel kConnected = {Opcode::fully_connected,
                               connected<kMultiply>,
                               fully_connected_scratch_bytes,
                               fully_connected_packed_bytes,
                               pack_connected<kOrder>,
                               fully_connected_fits,
                               kPacksWeights};

constexpr Kernel kNeonKernels[] = {
    kConv<multiply_rows_neon, Order::channels>,
    kConnected<multiply_rows_neon, Order::channels>,
    {Opcode::depthwise_conv_2d, depthwise_run, nullptr, depthwise_packed_bytes, depthwise_pack,
     depthwise_fits, kPacksWeights, depthwise_part},
    kFullyConnected4<nibble_sum_neon>,
    kLstm4<nibble_sum_neon>,
};
constexpr Path kNeon = {"neon", [] { return true; }, kNeonKernels};

#endif

#if defined(__aarch64__)

constexpr Kernel kSdotKernels[] = {kConv<multiply_rows_sdot, Order::channels>,
                                   kConnected<multiply_rows_sdot, Order::channels>};
constexpr Kernel kI8mmKernels[] = {kConv<multiply_rows_i8mm, Order::pairs>,
                                   kConnected<multiply_rows_i8mm, Order::pairs>};

/// Four bits of an identification register. Linux lets programs read them since 4.11.
#define GODWIT_ID_FIELD(name, shift)                       \
  ([] {                                                    \
    uint64_t value;                                        \
    __asm__("mrs %0, " name : "=r"(value));                \
    return static_cast<uint32_t>(value >> (shift)) & 0xfu; \
  }())

constexpr Path kSdot = {"sdot", [] { return GODWIT_ID_FIELD("ID_AA64ISAR0_EL1", 44) >= 1; },
                        kSdotKernels};
constexpr Path kI8mm = {"i8mm", [] { return GODWIT_ID_FIELD("ID_AA64ISAR1_EL1", 52) >= 1; },
                        kI8mmKernels};

#endif

}  // namespace

auto paths() -> std::span<Path const* const> {
  static constexpr Path const* kPaths[] = {
#if defined(__aarch64__)
    &kI8mm,
    &kSdot,
#endif
#if defined(__ARM_NEON)
    &kNeon,
#endif
    &kPortable
  };
  return kPaths;
}

}  // namespace godwit::engine
