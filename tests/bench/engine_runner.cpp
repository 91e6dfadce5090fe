// Our engine as a runner (rounds.h), of GODWIT_ENGINE_PATH on BENCH_THREADS threads: bench_engine
// [--facts | --kept FILE SHA256] MODEL.gwm, or bench_engine --paths, those that run here, the
// fastest first. --facts says input_bytes=N output_bytes=N; --kept takes what bench_ready kept of
// the model of that hash.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

#include "agent/engine/engine.h"
#include "agent/threads/threads.h"
#include "tests/bench/rounds.h"

namespace {

using namespace godwit;
using bench::give_up;

/// The file as it lies in the page cache; all of it at once, or what is touched.
auto map(char const* path, int how) -> std::span<uint8_t const> {
  int const file = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (file < 0 || ::fstat(file, &facts) != 0) give_up(std::string("cannot read ") + path);
  auto const size = static_cast<size_t>(facts.st_size);
  void* const place = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | how, file, 0);
  if (place == MAP_FAILED) give_up(std::string("cannot map ") + path);
  return {static_cast<uint8_t const*>(place), size};
}

/// As the agent does: pages that hold only what was packed are not kept.
void give_back(std::vector<ByteView> const& unread) {
  constexpr uintptr_t kPage = 4096;
  for (auto const& bytes : unread) {
    auto const begin = (reinterpret_cast<uintptr_t>(bytes.data()) + kPage - 1) / kPage * kPage;
    auto const end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / kPage * kPage;
    if (begin < end)
      ::mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && !std::strcmp(argv[1], "--paths")) {
    for (auto const& path : engine::path_names())
      if (engine::check_options({.path = path})) std::puts(path.c_str());
    return 0;
  }
  bool const facts_only = argc == 3 && !std::strcmp(argv[1], "--facts");
  bool const with_kept = argc == 5 && !std::strcmp(argv[1], "--kept");
  if (argc != 2 && !facts_only && !with_kept)
    give_up(
        "usage: bench_engine [--facts | --kept FILE SHA256] MODEL.gwm, or bench_engine --paths");
  auto const model = map(argv[argc - 1], with_kept ? 0 : MAP_POPULATE);
  char const* const path = std::getenv("GODWIT_ENGINE_PATH");
  char const* const asked = std::getenv("BENCH_THREADS");
  agent::Threads threads(asked ? static_cast<uint32_t>(std::atoi(asked)) : 1);
  engine::EngineOptions options{.path = path ? path : "", .crew = threads.crew()};
  if (with_kept) {
    options.kept = map(argv[2], 0);
    if (auto const hash = Sha256::parse(argv[3])) options.model_sha256 = *hash;
  }
  double const began = bench::now_us();
  auto engine = engine::Engine::load(model, options);
  double const load_us = bench::now_us() - began;
  if (!engine) give_up(engine.error().what);
  if (with_kept && !engine->kept() && !engine->packed().empty())
    give_up("what was kept is of something else");
  give_back(engine->unread());
  if (with_kept)  // read for validation; what is read once more comes back
    ::madvise(const_cast<uint8_t*>(model.data()), model.size(), MADV_DONTNEED);
  if (facts_only) {
    std::printf("input_bytes=%zu output_bytes=%zu\n", engine->input_bytes(),
                engine->output_bytes());
    return 0;
  }
  std::vector<uint8_t> input(engine->input_bytes()), output(engine->output_bytes());
  bench::fill(input.data(), input.size());
  std::string const facts = "\"load_us\": " + std::to_string(load_us) +
                            ", \"arena_bytes\": " + std::to_string(engine->arena_bytes()) +
                            ", \"model_bytes\": " + std::to_string(model.size()) +
                            ", \"row_bytes\": " + std::to_string(input.size() + output.size());
  bench::serve_rounds(facts, [&] { engine->run(input, output); });
}
