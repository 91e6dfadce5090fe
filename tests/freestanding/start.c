// A program without a C library: its own entry, the three functions that the engine needs, and
// golden rows. Exits with 0 when every output byte is equal, with 10 + the engine's status when it
// fails.
#include "godwit_engine.h"

#define EMBED(name, file)                                                                \
  __asm__(".section .rodata\n.balign 64\n.global " #name "\n" #name ":\n.incbin \"" file \
          "\"\n.global " #name "_end\n" #name                                            \
          "_end:\n"                                                                      \
          ".byte 0\n.previous\n");                                                       \
  extern unsigned char const name[];                                                     \
  extern unsigned char const name##_end[]

EMBED(model, MODEL_FILE);
EMBED(inputs, INPUT_FILE);
EMBED(outputs, OUTPUT_FILE);

void* memcpy(void* restrict to, void const* restrict from, size_t size) {
  unsigned char* t = to;
  unsigned char const* f = from;
  for (size_t i = 0; i < size; ++i) t[i] = f[i];
  return to;
}

void* memmove(void* to, void const* from, size_t size) {
  unsigned char* t = to;
  unsigned char const* f = from;
  if (t < f)
    for (size_t i = 0; i < size; ++i) t[i] = f[i];
  else
    for (size_t i = size; i-- > 0;) t[i] = f[i];
  return to;
}

void* memset(void* to, int value, size_t size) {
  unsigned char* t = to;
  for (size_t i = 0; i < size; ++i) t[i] = (unsigned char)value;
  return to;
}

static _Alignas(GODWIT_ENGINE_ALIGNMENT) unsigned char memory[1 << 20];

static int place(godwit_engine_region* region, size_t* used) {
  region->data = memory + *used;
  *used += (region->size_bytes + GODWIT_ENGINE_ALIGNMENT - 1) / GODWIT_ENGINE_ALIGNMENT *
           GODWIT_ENGINE_ALIGNMENT;
  return *used <= sizeof(memory);
}

static int run_all(godwit_engine const* engine) {
  godwit_engine_tensor const input = godwit_engine_input(engine, 0);
  godwit_engine_tensor const output = godwit_engine_output(engine, 0);
  unsigned char const* expected = outputs;
  for (unsigned char const* row = inputs; row < inputs_end; row += input.size_bytes) {
    memcpy(input.data, row, input.size_bytes);
    godwit_engine_run(engine);
    for (size_t i = 0; i < output.size_bytes; ++i)
      if (((unsigned char*)output.data)[i] != *expected++) return 1;
  }
  return expected == outputs_end ? 0 : 2;
}

static int test(void) {
  size_t const model_bytes = (size_t)(model_end - model);
  godwit_engine_memory needs;
  godwit_engine_status status = godwit_engine_measure(model, model_bytes, NULL, &needs);
  if (status != GODWIT_ENGINE_OK) return 10 + (int)status;
  size_t used = 0;
  if (!place(&needs.tables, &used) || !place(&needs.packed, &used) || !place(&needs.state, &used) ||
      !place(&needs.work, &used))
    return 3;
  godwit_engine* engine = NULL;
  status = godwit_engine_load(model, model_bytes, NULL, &needs, &engine);
  if (status != GODWIT_ENGINE_OK) return 10 + (int)status;
  status = godwit_engine_check_golden(engine);
  return status == GODWIT_ENGINE_OK ? run_all(engine) : 10 + (int)status;
}

_Noreturn static void leave(int code) {
#if defined(__x86_64__)  // Linux's exit; docs/engine.md, "As a library"
  __asm__ volatile("syscall" : : "a"(60), "D"(code));
#elif defined(__aarch64__)
  register long number __asm__("x8") = 93;
  register long status __asm__("x0") = code;
  __asm__ volatile("svc 0" : : "r"(number), "r"(status));
#endif
  for (;;) {
  }
}

_Noreturn void begin(void) {
  leave(test());
}

__asm__(
    ".global _start\n_start:\n"
#if defined(__x86_64__)  // the stack is aligned to 16 there, and a function expects 8 beside
    "call begin\n"
#else
    "bl begin\n"
#endif
);
