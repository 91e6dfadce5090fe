#include "agent/engine/golden.h"

#include <algorithm>

#include "proto/format/small_digest.h"

namespace godwit::engine {

GoldenInput::GoldenInput(uint64_t seed, uint32_t row)
    : state_(seed + uint64_t{row} * 0xd1342543de82ef95), kind_(row % 4) {
  level_ = base_ = byte();
}

// SplitMix64 (Steele, Lea, Flood 2014): every seed gives a good stream.
auto GoldenInput::byte() -> uint8_t {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return static_cast<uint8_t>((z ^ z >> 31) >> 56);
}

auto GoldenInput::value() -> uint8_t {
  switch (kind_) {
    case 0:  // white noise
      return byte();
    case 1:  // a walk of small steps: smooth, like a real signal
      level_ = std::clamp(level_ + (byte() & 15) - 7, 0, 255);
      return static_cast<uint8_t>(level_);
    case 2:  // faint noise around one value
      return static_cast<uint8_t>(base_ + (byte() & 31));
    default:  // sparse spikes on a flat ground
      return byte() < 16 ? byte() : base_;
  }
}

void GoldenInput::fill(std::span<uint8_t> input) {
  for (auto& each : input) each = value();
}

void fill_golden_input(uint64_t seed, uint32_t row, std::span<uint8_t> input) {
  GoldenInput(seed, row).fill(input);
}

namespace {

void fill_inputs(Program const& program, uint64_t seed, uint32_t row) {
  GoldenInput source(seed, row);
  for (uint32_t i = 0; i < program.model().input_count(); ++i) {
    auto const input = program.input(i);
    source.fill({input.data, input.size_bytes});
    copy_little_endian(input.data, input.data, input.size_bytes, input.type);
  }
}

void hash_outputs(Program const& program, proto::SmallSha256& hasher) {
  std::array<uint8_t, 256> part;
  for (uint32_t i = 0; i < program.model().output_count(); ++i) {
    auto const output = program.output(i);
    for (size_t at = 0; at < output.size_bytes; at += part.size()) {
      size_t const size_bytes = std::min(part.size(), output.size_bytes - at);
      copy_little_endian(part.data(), output.data + at, size_bytes, output.type);
      hasher.add({part.data(), size_bytes});
    }
  }
}

}  // namespace

auto golden_hash(Program const& program, uint64_t seed, uint32_t rows) -> Sha256 {
  proto::SmallSha256 hasher;
  for (uint32_t row = 0; row < rows; ++row) {
    fill_inputs(program, seed, row);
    program.reset_state();
    program.run();
    hash_outputs(program, hasher);
  }
  return hasher.finish();
}

auto check_golden(Program const& program) -> Status {
  auto const golden = program.model().golden();
  if (!golden) return Status::no_golden;
  auto const actual = golden_hash(program, golden->seed, golden->rows);
  for (size_t i = 0; i < actual.bytes.size(); ++i)
    if (actual.bytes[i] != golden->outputs.bytes[i]) return Status::golden_differs;
  return Status::good;
}

}  // namespace godwit::engine
