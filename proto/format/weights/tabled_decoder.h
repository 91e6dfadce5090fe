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
  struct Table {
    std::array<Share, kSymbols> share;
    std::array<uint8_t, kSharesAll> symbol;
  };
  std::array<uint8_t, kContextsAll> table;
  std::array<Table, kTablesMax> each;

  void build(TabledShares const& shares) {
    // A context without a table gives zeros and takes nothing from the state.
    for (size_t i = 0; i < table.size(); ++i)
      table[i] = shares.table[i] == kNoTable ? uint8_t{0} : shares.table[i];
    if (shares.count == 0) {
      each[0].share.fill({.first = 0, .count = kSharesAll});
      each[0].symbol.fill(0);
    }
    for (size_t t = 0; t < shares.count; ++t) {
      uint32_t first = 0;
      for (size_t s = 0; s < kSymbols; ++s) {
        uint16_t const count = shares.share[t][s];
        each[t].share[s] = {.first = static_cast<uint16_t>(first), .count = count};
        std::fill_n(&each[t].symbol[first], count, static_cast<uint8_t>(s));
        first += count;
      }
    }
  }
};

class TabledDecoder {
 public:
  /// Kept by who decodes in a loop, so that it stays in registers.
  struct State {
    uint32_t x;
    uint8_t const* at;  // what x takes next, in the decoder's window
  };

  TabledDecoder(BufferedReader& payload, uint64_t coded_bytes, SymbolTables const& tables)
      : payload_(payload), left_(coded_bytes), tables_(tables) {
    kept_ = {.x = 0, .at = end_};
    for (int i = 0; i < 2; ++i) take_if(kept_, true);
  }
  TabledDecoder(TabledDecoder const&) = delete;
  auto operator=(TabledDecoder const&) -> TabledDecoder& = delete;

  auto state() const -> State { return kept_; }
  void keep(State state) { kept_ = state; }
  /// The state that the encoder began with, and nothing left over.
  auto at_end() const -> bool { return left_ == 0 && kept_.at >= end_ && kept_.x == kStateMin; }

  [[gnu::always_inline]] auto symbol(State& state, uint32_t context, uint32_t /*unknown*/)
      -> uint32_t {
    SymbolTables::Table const& table = tables_.each[tables_.table[context]];
    uint32_t const slot = state.x & (kSharesAll - 1);
    uint32_t const symbol = table.symbol[slot];
    SymbolTables::Share const share = table.share[symbol];
    state.x = share.count * (state.x >> kShareBits) + slot - share.first;
    take_if(state, state.x < kStateMin);
    return symbol;
  }
  /// At most kRawBitsMax bits as they are.
  [[gnu::always_inline]] auto raw(State& state, uint32_t bits, uint32_t /*unknown*/) -> uint32_t {
    uint32_t const value = state.x & ((1u << bits) - 1);
    state.x >>= bits;
    take_if(state, state.x < kStateMin);
    return value;
  }

 private:
  static constexpr size_t kWindowBytes = 256;

  /// 16 bits more, without a branch on whether they are needed: that cannot be foreseen.
  [[gnu::always_inline]] void take_if(State& state, bool needed) {
    if (state.at >= last_) [[unlikely]]
      move_window(state);
    uint32_t const next = uint32_t{state.at[0]} << 8 | state.at[1];
    uint32_t const mask = needed ? ~0u : 0u;
    state.x = (state.x << (mask & 16)) | (next & mask);
    state.at += mask & 2;
  }
  /// Brings what was not taken yet to the beginning of the window, and more behind it. Past the
  /// end of the coded bytes are zeros.
  [[gnu::noinline]] void move_window(State& state) {
    auto const kept = static_cast<size_t>(std::max<ptrdiff_t>(end_ - state.at, 0));
    std::copy_n(state.at, kept, window_.begin());
    auto const more = static_cast<size_t>(std::min<uint64_t>(left_, kWindowBytes - kept));
    payload_.take(std::span(window_).subspan(kept, more));
    left_ -= more;
    end_ = window_.data() + kept + more;
    std::fill(window_.begin() + static_cast<ptrdiff_t>(kept + more), window_.end(), uint8_t{0});
    last_ = left_ > 0 ? end_ - 1 : window_.data() + kWindowBytes;
    state.at = window_.data();
  }

  BufferedReader& payload_;
  uint64_t left_;  // coded bytes that the window has not seen
  SymbolTables const& tables_;
  std::array<uint8_t, kWindowBytes + 2> window_;
  uint8_t const* end_ = window_.data();   // of the coded bytes in the window
  uint8_t const* last_ = window_.data();  // from here on the window must move
  State kept_{};
};

/// Up to 63 bits as they are, lowest first.
template <typename Coder>
[[gnu::always_inline]] inline auto code_raw(Coder& coder, typename Coder::State& x, uint32_t bits,
                                            uint64_t value) -> uint64_t {
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
