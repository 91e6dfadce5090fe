#include "agent/engine/golden.h"

#include <algorithm>

#include "agent/engine/sha256.h"
#include "proto/format/model.h"

namespace godwit::engine {

namespace {

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives a good stream.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  auto next() -> uint64_t {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  auto byte() -> uint8_t { return static_cast<uint8_t>(next() >> 56); }

 private:
  uint64_t state_;
};

}  // namespace

void fill_golden_input(uint64_t seed, uint32_t row, std::span<uint8_t> input) {
  Random random(seed + uint64_t{row} * 0xd1342543de82ef95);
  uint8_t const base = random.byte();
  int level = base;
  for (auto& byte : input) {
    switch (row % 4) {
      case 0:  // white noise
        byte = random.byte();
        break;
      case 1:  // a walk of small steps: smooth, like a real signal
        level = std::clamp(level + (random.byte() & 15) - 7, 0, 255);
        byte = static_cast<uint8_t>(level);
        break;
      case 2:  // faint noise around one value
        byte = static_cast<uint8_t>(base + (random.byte() & 31));
        break;
      default:  // sparse spikes on a flat ground
        byte = random.byte() < 16 ? random.byte() : base;
        break;
    }
  }
}

auto golden_hash(Engine& engine, uint64_t seed, uint32_t rows) -> Sha256 {
  Bytes input(engine.input_bytes());
  Bytes output(engine.output_bytes());
  Sha256Hasher hasher;
  for (uint32_t row = 0; row < rows; ++row) {
    fill_golden_input(seed, row, input);
    engine.reset_state();
    engine.run(input, output);
    hasher.add(output);
  }
  return hasher.finish();
}

auto check_golden(ByteView model, EngineOptions const& options) -> Result<> {
  TRY(auto engine, Engine::load(model, options));
  TRY(auto view, proto::parse_model(model));
  auto const golden = view.golden();
  if (!golden) return corrupt("the model holds no golden outputs");
  if (golden_hash(engine, golden->seed, golden->rows) != golden->outputs)
    return corrupt(
        "the golden outputs differ: this model does not compute here what it computed "
        "when it was compiled");
  return {};
}

}  // namespace godwit::engine
