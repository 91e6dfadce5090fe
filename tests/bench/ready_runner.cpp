// How long it takes from an installed model to an engine that can run: bench_ready MODEL.gwm FOLDER
// FORM, where FORM is `plain` (mapped) or `sealed` (opened into locked memory), as the agent does
// it. Writes MODEL into FOLDER as an installed slot first. One JSON object.
#include <unistd.h>

#include <cstring>

#include "agent/core/model_files.h"
#include "agent/engine/engine.h"
#include "agent/linux/file_store.h"
#include "agent/linux/model_memory.h"
#include "proto/trust/digest.h"
#include "tests/bench/rounds.h"

namespace {

using namespace godwit;
using namespace godwit::agent;
using bench::give_up;

constexpr int kTimes = 15;
constexpr auto kSlot = "slot.m.a";
constexpr auto kKept = "kept.m";

/// Locks files' keys under one of this run.
class BenchKeys : public KeyStore {
 public:
  auto unwrap(proto::WrappedKey const&, Sha256 const&) -> Result<proto::ContentKey> override {
    return denied("no keys here");
  }
  auto lock(proto::ContentKey const& key) -> Result<Bytes> override {
    return proto::seal(key_, {}, key.bytes());
  }
  auto unlock(ByteView locked) -> Result<proto::ContentKey> override {
    TRY(auto const raw, proto::unseal(key_, {}, locked));
    return proto::ContentKey::from_bytes(raw);
  }
  auto seals_records() const -> bool override { return false; }
  auto begin_sealing_records() -> Result<> override { return {}; }

 private:
  proto::ContentKey key_ = proto::ContentKey::generate();
};

template <typename T>
auto must(Result<T> result) -> T {
  if (!result) give_up(result.error().what);
  return *std::move(result);
}
void must(Result<> const& result) {
  if (!result) give_up(result.error().what);
}

void write(Files& files, char const* name, std::initializer_list<ByteView> parts) {
  constexpr size_t kPiece = 64u << 10;  // as slots are written
  uint64_t at = 0;
  for (auto part : parts)
    while (!part.empty()) {
      auto const piece = part.first(std::min(part.size(), kPiece));
      must(files.write(name, at, piece));
      at += piece.size();
      part = part.subspan(piece.size());
    }
  must(files.sync(name));
}

struct Ready {
  Plaintext model;
  Plaintext kept;
  std::optional<engine::Engine> engine;
};

/// Everything that stands between a start of the agent and the first run of a model, but for the
/// hash of a plain slot and of what was kept in plain, which are read when it starts.
auto make_ready(ModelFiles const& files, engine::EngineOptions options) -> Ready {
  Ready ready{must(files.map(kSlot)), must(files.map(kKept)), {}};
  options.kept = ready.kept.view();
  ready.engine.emplace(must(engine::Engine::load(ready.model.view(), options)));
  if (!ready.engine->kept() && !ready.engine->packed().empty())
    give_up("what was kept was not used");
  return ready;
}

/// What a start of the agent reads once of plain files.
auto time_checks(ModelFiles const& files, Sha256 const& model_sha256) -> double {
  auto const model = must(files.map(kSlot));
  auto const kept = must(files.map(kKept));
  double const began = bench::now_us();
  must(engine::check_kept(kept.view()));
  if (proto::sha256(model.view()) != model_sha256) give_up("another model");
  return bench::now_us() - began;
}

auto run(char const* path, char const* folder, ModelFiles::Form form) -> int {
  bool const sealed = form == ModelFiles::Form::sealed;
  auto store = must(FileStore::open(folder));
  BenchKeys keys;
  ModelMemory memory(sealed);
  engine::EngineOptions options;
  if (auto const* name = std::getenv("GODWIT_ENGINE_PATH")) options.path = name;
  options.take_memory = [&](size_t size_bytes) -> std::shared_ptr<uint8_t> {
    auto taken = memory.take(size_bytes);
    return taken ? taken->place() : nullptr;
  };
  double pack_us = 0;
  double check_us = 0;
  {
    auto const model = must(map_file(path, 1u << 30));
    options.model_sha256 = proto::sha256(model.view());
    double const began = bench::now_us();
    auto const engine = must(engine::Engine::load(model.view(), options));
    pack_us = bench::now_us() - began;
    auto const kept = engine::keep(engine);
    ModelFiles files(store, keys, memory, form);
    write(files, kSlot, {model.view()});
    write(files, kKept, {kept.head, kept.packed});
    if (!sealed) check_us = time_checks(files, options.model_sha256);
  }
  std::vector<double> times;
  for (int i = 0; i < kTimes; ++i) {
    ModelFiles const files(store, keys, memory, form);
    double const began = bench::now_us();
    auto const ready = make_ready(files, options);
    times.push_back(bench::now_us() - began);
  }
  std::nth_element(times.begin(), times.begin() + kTimes / 2, times.end());
  std::printf("{\"ready_us\": %.0f, \"pack_us\": %.0f, \"check_us\": %.0f, \"locked\": %s}\n",
              times[kTimes / 2], pack_us, check_us, memory.locked() ? "true" : "false");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool const sealed = argc == 4 && !std::strcmp(argv[3], "sealed");
  if (argc != 4 || (!sealed && std::strcmp(argv[3], "plain") != 0))
    give_up("usage: bench_ready MODEL.gwm FOLDER plain|sealed");
  return run(argv[1], argv[2], sealed ? ModelFiles::Form::sealed : ModelFiles::Form::plain);
}
