// The other side of proto/format/weights/tabled_decoder. Such a segment is coded from its end, by
// tables that all of it makes: it is noted first, and then coded.
#pragma once

#include <vector>

#include "proto/base/bytes.h"
#include "proto/format/container.h"
#include "proto/format/weights/tabled_shares.h"

namespace godwit::delta {

/// How often each symbol came in each context.
using SymbolCounts =
    std::array<std::array<uint32_t, proto::weights::kSymbols>, proto::weights::kContextsAll>;

/// Counts, for what coding would cost.
class TabledCounter {
 public:
  struct State {};
  auto state() const -> State { return {}; }
  void keep(State /*unused*/) {}
  [[gnu::always_inline]] auto symbol(State& /*unused*/, uint32_t context, uint32_t symbol)
      -> uint32_t {
    ++counts_[context][symbol];
    return symbol;
  }
  auto raw(State& /*unused*/, uint32_t bits, uint32_t value) -> uint32_t {
    raw_bits_ += bits;
    return value;
  }
  auto counts() const -> SymbolCounts const& { return counts_; }
  auto bytes() const -> double;

 private:
  SymbolCounts counts_{};
  uint64_t raw_bits_ = 0;
};

/// Counts and notes what came.
class TabledRecorder {
 public:
  using State = TabledCounter::State;
  TabledRecorder() { notes_.reserve(proto::kBlockBytesMax + (proto::kBlockBytesMax >> 3)); }
  auto state() const -> State { return {}; }
  void keep(State /*unused*/) {}
  [[gnu::always_inline]] auto symbol(State& /*unused*/, uint32_t context, uint32_t symbol)
      -> uint32_t {
    ++counts_[context][symbol];
    notes_.push_back(static_cast<uint16_t>(context * proto::weights::kSymbols + symbol));
    return symbol;
  }
  auto raw(State& /*unused*/, uint32_t bits, uint32_t value) -> uint32_t {
    notes_.push_back(static_cast<uint16_t>(kRaw | bits << kRawShift | value));
    return value;
  }
  /// The coded bytes of the segment, by finer tables or not.
  auto finish(bool fine) -> Bytes;

 private:
  static constexpr uint32_t kRaw = 1u << 15;
  static constexpr uint32_t kRawShift = 11;

  SymbolCounts counts_{};
  std::vector<uint16_t> notes_;
};

/// Which contexts have a table together, and its shares: what tables cost against what they save.
auto choose_shares(SymbolCounts const& counts) -> proto::weights::TabledShares;

}  // namespace godwit::delta
