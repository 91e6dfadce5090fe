// Replays a corpus folder through a fuzz target in builds without libFuzzer: every file as it is,
// then a few mutations of each from a fixed seed, so that a failure repeats.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;
constexpr int kMutationsPerFile = 32;
constexpr size_t kChangesMax = 4;

auto read_file(std::filesystem::path const& path) -> Input {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

auto below(std::mt19937& random, size_t bound) -> size_t {
  return bound ? random() % bound : 0;
}

/// Flips, overwrites, cuts and doubles: the cheapest changes that reach error paths.
auto mutate(Input input, std::mt19937& random) -> Input {
  size_t const changes = 1 + below(random, kChangesMax);
  for (size_t i = 0; i < changes && !input.empty(); ++i) {
    size_t const at = below(random, input.size());
    size_t const count = std::min(1 + below(random, 16), input.size() - at);
    auto const from = input.begin() + static_cast<ptrdiff_t>(at);
    switch (random() % 5) {
      case 0:
        input[at] = static_cast<uint8_t>(input[at] ^ (1u << random() % 8));
        break;
      case 1:
        input[at] = static_cast<uint8_t>(random());
        break;
      case 2:
        std::fill_n(from, count, random() % 2 ? uint8_t{0xff} : uint8_t{0});
        break;
      case 3:
        input.resize(at);
        break;
      default: {
        Input const piece(from, from + static_cast<ptrdiff_t>(count));
        input.insert(from, piece.begin(), piece.end());
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::directory_iterator(argv[1], error))
    if (entry.is_regular_file()) files.push_back(entry.path());
  if (error || files.empty()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], error ? error.message().c_str() : "empty corpus");
    return 1;
  }
  std::sort(files.begin(), files.end());
  std::mt19937 random(20240601);
  for (auto const& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // the last line printed names the input that crashed
    Input const input = read_file(file);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    for (int i = 0; i < kMutationsPerFile; ++i) {
      Input const mutated = mutate(input, random);
      LLVMFuzzerTestOneInput(mutated.data(), mutated.size());
    }
  }
  return 0;
}
