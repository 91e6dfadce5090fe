// LiteRT with XNNPACK through the C interface of its Python wheel's library, one thread:
// bench_litert LIBRARY MODEL. The calls and their order were found by trial against
// ai-edge-litert 2.3; 0 is success, handles are opaque.
#include <dlfcn.h>

#include <cstring>

#include "tests/bench/rounds.h"

namespace {

using namespace godwit::bench;
using Handle = void*;

struct TensorType {  // LiteRtRankedTensorType
  int32_t element;
  uint32_t rank_and_strides;
  int32_t dimensions[8];
  uint32_t strides[8];
};
static_assert(sizeof(TensorType) == 72);

constexpr int kCpu = 1;
constexpr int kWrite = 1;

Handle library;

template <typename... Args>
void call(char const* name, Args... args) {
  auto const function = reinterpret_cast<int (*)(Args...)>(dlsym(library, name));
  if (!function) give_up(std::string("the library has no ") + name);
  if (int const code = function(args...))
    give_up(std::string(name) + " gives " + std::to_string(code));
}

auto make_model(Handle environment, char const* path) -> std::pair<Handle, Handle> {
  Handle model = nullptr, options = nullptr, xnnpack = nullptr, compiled = nullptr;
  call("LiteRtCreateModelFromFile", environment, path, &model);
  call("LiteRtCreateOptions", &options);
  call("LiteRtSetOptionsHardwareAccelerators", options, kCpu);
  void (*release)(void*) = std::free;
  call("LiteRtCreateOpaqueOptions", "xnnpack", static_cast<void*>(strdup("num_threads = 1")),
       release, &xnnpack);
  call("LiteRtAddOpaqueOptions", options, xnnpack);
  call("LiteRtCreateCompiledModel", environment, model, options, &compiled);
  return {model, compiled};
}

/// A buffer for each input or output of the only signature; inputs are filled.
auto make_buffers(Handle environment, Handle signature, Handle compiled, bool inputs)
    -> std::vector<Handle> {
  std::string const kind = inputs ? "Input" : "Output";
  size_t count = 0;
  call(("LiteRtGetNumSignature" + kind + "s").c_str(), signature, &count);
  std::vector<Handle> buffers(count);
  for (size_t i = 0; i < count; ++i) {
    Handle tensor = nullptr, requirements = nullptr;
    TensorType type{};
    call(("LiteRtGetSignature" + kind + "TensorByIndex").c_str(), signature, i, &tensor);
    call("LiteRtGetRankedTensorType", tensor, &type);
    for (int& size : type.dimensions)
      size = size < 0 ? 1 : size;  // Rows of a batch that is left open.
    call(("LiteRtGetCompiledModel" + kind + "BufferRequirements").c_str(), compiled, size_t{0}, i,
         &requirements);
    call("LiteRtCreateManagedTensorBufferFromRequirements", environment, &type, requirements,
         &buffers[i]);
    if (!inputs) continue;
    size_t size = 1;
    for (unsigned d = 0; d < (type.rank_and_strides & 127); ++d)
      size *= static_cast<size_t>(type.dimensions[d]);
    void* bytes = nullptr;
    call("LiteRtLockTensorBuffer", buffers[i], &bytes, kWrite);
    fill(static_cast<uint8_t*>(bytes), size);
    call("LiteRtUnlockTensorBuffer", buffers[i]);
  }
  return buffers;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: bench_litert LIBRARY MODEL.tflite");
  library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
  if (!library) give_up(dlerror());
  double const began = now_us();
  Handle environment = nullptr, signature = nullptr;
  call("LiteRtCreateEnvironment", 0, static_cast<void*>(nullptr), &environment);
  auto const [model, compiled] = make_model(environment, argv[2]);
  call("LiteRtGetModelSignature", model, size_t{0}, &signature);
  auto inputs = make_buffers(environment, signature, compiled, true);
  auto outputs = make_buffers(environment, signature, compiled, false);
  double const load_us = now_us() - began;

  using Run = int (*)(Handle, size_t, size_t, Handle*, size_t, Handle*);
  auto const run = reinterpret_cast<Run>(dlsym(library, "LiteRtRunCompiledModel"));
  if (!run) give_up("the library has no LiteRtRunCompiledModel");
  auto once = [&, handle = compiled] {
    if (run(handle, 0, inputs.size(), inputs.data(), outputs.size(), outputs.data()))
      give_up("the model does not run");
  };
  once();
  serve_rounds("\"load_us\": " + std::to_string(load_us), once);
  std::_Exit(0);  // Its destructors are not what is measured.
}
