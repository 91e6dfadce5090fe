// godwit-test-damage: a compiled model with damaged weights that is still valid in form. With
// --keep-golden it fails its self-test; with --fresh-golden it passes it and only answers badly.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "compiler/compile.h"
#include "proto/format/model.h"

namespace {

using godwit::Bytes;
using godwit::Result;

struct Arguments {
  std::string model;
  std::string out;
  uint32_t seed = 1;
  bool fresh_golden = false;
};

/// One weight in so many gets another value.
constexpr uint32_t kDamagedShare = 8;

auto parse(int argc, char** argv) -> Result<Arguments> {
  Arguments args;
  for (int i = 1; i < argc; ++i) {
    std::string const word = argv[i];
    bool const more = i + 1 < argc;
    if (word == "-o" && more) {
      args.out = argv[++i];
    } else if (word == "--seed" && more) {
      args.seed = static_cast<uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--keep-golden" || word == "--fresh-golden") {
      args.fresh_golden = word == "--fresh-golden";
    } else if (!word.starts_with("-") && args.model.empty()) {
      args.model = word;
    } else {
      return godwit::invalid("unexpected '" + word + "'");
    }
  }
  if (args.model.empty() || args.out.empty()) return godwit::invalid("MODEL or -o OUT is missing");
  return args;
}

auto damage(Bytes& bytes, uint32_t seed) -> Result<> {
  TRY(auto const model, godwit::proto::parse_model(bytes));
  std::minstd_rand random(seed);
  for (uint32_t i = 0; i < model.tensor_count(); ++i) {
    auto const tensor = model.tensor(i);
    bool const weights = tensor.place == godwit::proto::Place::constant &&
                         tensor.type == godwit::proto::TensorType::int8 && tensor.rank >= 2;
    if (!weights) continue;
    auto const first = static_cast<size_t>(model.constant(tensor).data() - bytes.data());
    for (size_t k = 0; k < tensor.size_bytes; ++k)
      if (random() % kDamagedShare == 0)
        bytes[first + k] = static_cast<uint8_t>(static_cast<int>(random() % 255) - 127);
  }
  return {};
}

auto run(Arguments const& args) -> Result<> {
  std::ifstream in(args.model, std::ios::binary);
  if (!in) return godwit::not_found(args.model);
  Bytes bytes(std::istreambuf_iterator<char>(in), {});
  TRY_VOID(damage(bytes, args.seed).within(args.model));
  if (args.fresh_golden) {
    TRY(bytes, godwit::compiler::renew_golden(bytes));
  }
  std::ofstream out(args.out, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<char const*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) return godwit::internal("cannot write " + args.out);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  auto const args = parse(argc, argv);
  if (!args) {
    std::fprintf(stderr,
                 "godwit-test-damage: %s\nusage: godwit-test-damage MODEL -o OUT [--seed N] "
                 "[--keep-golden | --fresh-golden]\n",
                 args.error().what.c_str());
    return 2;
  }
  if (auto const done = run(*args); !done) {
    std::fprintf(stderr, "godwit-test-damage: %s\n", done.error().what.c_str());
    return 1;
  }
  return 0;
}
