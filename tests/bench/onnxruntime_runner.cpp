// ONNX Runtime through the C interface of its Python wheel's library, one thread, bound tensors:
// bench_onnxruntime LIBRARY MODEL INPUT... -- OUTPUT... where each is NAME:TYPE:DIM,DIM (types of
// ONNX by number).
#include <dlfcn.h>

#include <cstring>

#include "tests/bench/rounds.h"

namespace {

using namespace godwit::bench;
using Handle = void*;

// Positions in OrtApi, a table that only ever grows (onnxruntime_c_api.h, version 17).
enum Entry {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSession = 7,
  kCreateSessionOptions = 10,
  kSetGraphOptimizationLevel = 23,
  kSetIntraOpNumThreads = 24,
  kSetInterOpNumThreads = 25,
  kCreateTensorWithData = 49,
  kCreateCpuMemoryInfo = 69,
  kAddSessionConfigEntry = 130,
  kRunWithBinding = 133,
  kCreateIoBinding = 134,
  kBindInput = 136,
  kBindOutput = 137,
};
constexpr uint32_t kApiVersion = 17;
constexpr int kErrorsOnly = 3, kAllOptimizations = 99, kArenaAllocator = 1, kDefaultMemory = 0;

void* const* api;

template <typename... Args>
void call(Entry entry, Args... args) {
  auto const status = reinterpret_cast<Handle (*)(Args...)>(api[entry])(args...);
  if (status) give_up(reinterpret_cast<char const* (*)(Handle)>(api[kGetErrorMessage])(status));
}

auto element_bytes(int type) -> size_t {
  switch (type) {
    case 1:
    case 6:
      return 4;  // float, int32
    case 4:
    case 5:
      return 2;  // uint16, int16
    case 7:
      return 8;  // int64
    default:
      return 1;  // uint8, int8
  }
}

struct Tensor {
  std::string name;
  int type = 0;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
  Handle value = nullptr;
};

auto parse(std::string const& text, Handle memory) -> Tensor {
  Tensor tensor;
  size_t const first = text.find(':'), second = text.find(':', first + 1);
  if (second == std::string::npos) give_up("not NAME:TYPE:SHAPE: " + text);
  tensor.name = text.substr(0, first);
  tensor.type = std::atoi(text.c_str() + first + 1);
  size_t size = element_bytes(tensor.type);
  for (char const* at = text.c_str() + second; *at; at = std::strchr(at + 1, ',') ?: "") {
    tensor.shape.push_back(std::atoll(at + 1));
    size *= static_cast<size_t>(tensor.shape.back());
  }
  tensor.bytes.resize(size);
  if (tensor.type != 1)
    fill(tensor.bytes.data(), size);  // Zeros where random bits might be no number.
  call(kCreateTensorWithData, memory, static_cast<void*>(tensor.bytes.data()), size,
       static_cast<int64_t const*>(tensor.shape.data()), tensor.shape.size(), tensor.type,
       &tensor.value);
  return tensor;
}

auto open_session(char const* path) -> Handle {
  Handle environment = nullptr, options = nullptr, session = nullptr;
  call(kCreateEnv, kErrorsOnly, "bench", &environment);
  call(kCreateSessionOptions, &options);
  call(kSetGraphOptimizationLevel, options, kAllOptimizations);
  call(kSetIntraOpNumThreads, options, 1);
  call(kSetInterOpNumThreads, options, 1);
  call(kAddSessionConfigEntry, options, "session.intra_op.allow_spinning", "0");
  call(kCreateSession, environment, path, options, &session);
  return session;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) give_up("usage: bench_onnxruntime LIBRARY MODEL.onnx INPUT... -- OUTPUT...");
  Handle const library = dlopen(argv[1], RTLD_NOW);
  if (!library) give_up(dlerror());
  struct Base {
    void* const* (*get_api)(uint32_t);
  };
  auto const base = reinterpret_cast<Base const* (*)()>(dlsym(library, "OrtGetApiBase"));
  api = base ? base()->get_api(kApiVersion) : nullptr;
  if (!api) give_up("the library has no interface of version 17");

  double const began = now_us();
  Handle const session = open_session(argv[2]);
  Handle binding = nullptr, memory = nullptr;
  call(kCreateIoBinding, session, &binding);
  call(kCreateCpuMemoryInfo, kArenaAllocator, kDefaultMemory, &memory);
  std::vector<Tensor> tensors;
  tensors.reserve(static_cast<size_t>(argc));
  bool output = false;
  for (int i = 3; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--")) {
      output = true;
      continue;
    }
    tensors.push_back(parse(argv[i], memory));
    call(output ? kBindOutput : kBindInput, binding, tensors.back().name.c_str(),
         tensors.back().value);
  }
  double const load_us = now_us() - began;
  auto once = [&] { call(kRunWithBinding, session, static_cast<void*>(nullptr), binding); };
  once();
  serve_rounds("\"load_us\": " + std::to_string(load_us), once);
  std::_Exit(0);  // Its destructors are not what is measured.
}
