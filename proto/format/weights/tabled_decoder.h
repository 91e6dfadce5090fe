// Decodes tabled segments: range asymmetric numeral systems (Duda, 2009) with one 32-bit state that
// takes 16 bits at a time (docs/format-delta.md, "Tabled segments").
#pragma once

#include "proto/format/byte_source.h"
#include "proto/format/weights/tabled_shares.h"

namespace godwit::proto::weights {

constexpr uint32_t kStateMin = 1u << 16;
constexpr uint32_t kRawBitsMax = 11;

/// The tables as decoding needs them: which symbol each of the 2,048 belongs to.
struct SymbolTables {
  struct Share {
    uint16_t first;
    uint16_t count;
  };
  std::array<uint8_t, kContextsAll> table;
  std::array<std::array<Share, kSymbols>, kTablesMax> share;
  std::array<uint8_t, kTablesMax * kSharesAll> symbol;

  void build(TabledShares const& shares) {
    // A context without a table gives zeros and takes nothing from the state.
    for (size_t i = 0; i < table.size(); ++i)
      table[i] = shares.table[i] == kNoTable ? uint8_t{0} : shares.table[i];
    if (shares.count == 0) {
      share[0].fill({.first = 0, .count = kSharesAll});
      std::fill_n(symbol.begin(), kSharesAll, uint8_t{0});
    }
    for (size_t t = 0; t < shares.count; ++t) {
      uint32_t first = 0;
      for (size_t s = 0; s < kSymbols; ++s) {
        uint16_t const count = shares.share[t][s];
        share[t][s] = {.first = static_cast<uint16_t>(first), .count = count};
        std::fill_n(&symbol[t * kSharesAll + first], count, static_cast<uint8_t>(s));
        first += count;
      }
    }
  }
};

class TabledDecoder {
 public:
  /// Kept by who decodes in a loop, so that it stays in a register.
  using State = uint32_t;

  TabledDecoder(BufferedReader& payload, uint64_t coded_bytes, SymbolTables const& tables)
      : payload_(payload), left_(coded_bytes), tables_(tables) {
    kept_ = take16();
    kept_ = kept_ << 16 | take16();
  }
  auto state() const -> State { return kept_; }
  void keep(State state) { kept_ = state; }
  /// The state that the encoder began with, and nothing left over.
  auto at_end() const -> bool { return left_ == 0 && kept_ == kStateMin; }

  [[gnu::always_inline]] auto symbol(State& x, uint32_t context, uint32_t /*unknown*/) -> uint32_t {
    uint32_t const table = tables_.table[context];
    uint32_t const slot = x & (kSharesAll - 1);
    uint32_t const symbol = tables_.symbol[table * kSharesAll + slot];
    SymbolTables::Share const share = tables_.share[table][symbol];
    x = share.count * (x >> kShareBits) + slot - share.first;
    if (x < kStateMin) x = refill(x);
    return symbol;
  }
  /// At most kRawBitsMax bits as they are.
  [[gnu::always_inline]] auto raw(State& x, uint32_t bits, uint32_t /*unknown*/) -> uint32_t {
    uint32_t const value = x & ((1u << bits) - 1);
    x >>= bits;
    if (x < kStateMin) x = refill(x);
    return value;
  }

 private:
  [[gnu::noinline]] auto refill(State x) -> State { return x << 16 | take16(); }
  auto take16() -> uint32_t {
    uint32_t const high = take();
    return high << 8 | take();
  }
  auto take() -> uint32_t {
    if (left_ == 0) return 0;
    --left_;
    return payload_.next();
  }

  BufferedReader& payload_;
  uint64_t left_;
  SymbolTables const& tables_;
  State kept_ = 0;
};

/// Up to 63 bits as they are, lowest first.
template <typename Coder>
auto code_raw(Coder& coder, typename Coder::State& x, uint32_t bits, uint64_t value) -> uint64_t {
  uint64_t made = 0;
  for (uint32_t at = 0; at < bits; at += kRawBitsMax) {
    uint32_t const count = std::min(bits - at, kRawBitsMax);
    auto const part = static_cast<uint32_t>(value >> at) & ((1u << count) - 1);
    made |= uint64_t{coder.raw(x, count, part)} << at;
  }
  return made;
}

/// A number below 2^63: its length in bits, then those below the highest.
template <typename Coder>
auto code_number(Coder& coder, uint32_t context, uint64_t value) -> uint64_t {
  constexpr uint32_t kLong = kSymbols - 1;
  auto x = coder.state();
  auto length = static_cast<uint32_t>(std::bit_width(value));
  uint32_t const symbol = coder.symbol(x, context, std::min(length, kLong));
  length = symbol < kLong ? symbol : coder.raw(x, 6, length);
  uint64_t made = 0;
  if (length > 0) {
    uint64_t const high = uint64_t{1} << (length - 1);
    made = high | code_raw(coder, x, length - 1, value & (high - 1));
  }
  coder.keep(x);
  return made;
}

}  // namespace godwit::proto::weights
