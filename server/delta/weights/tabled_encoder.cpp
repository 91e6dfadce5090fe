#include "server/delta/weights/tabled_encoder.h"

#include <algorithm>
#include <cmath>

#include "proto/format/weights/tabled_decoder.h"
#include "server/delta/weights/binary_encoder.h"

namespace godwit::delta {
namespace {

namespace weights = proto::weights;
using Counts = std::array<uint32_t, weights::kSymbols>;

/// What describing a table costs, about: so many bits, and so many for each symbol that it has.
constexpr float kTableBits = 8;
constexpr float kShareBitsAbout = 7;

/// n * log2(n), by table where it is asked for most.
auto weigh(uint32_t n) -> float {
  static auto const table = [] {
    std::array<float, 4096> values{};
    for (size_t i = 2; i < values.size(); ++i)
      values[i] = static_cast<float>(i) * std::log2(static_cast<float>(i));
    return values;
  }();
  if (n < table.size()) return table[n];
  return static_cast<float>(n) * std::log2(static_cast<float>(n));
}

/// Contexts that have a table together.
struct Set {
  Counts counts{};
  size_t first = 0;
  float bits = 0;       // of its symbols and its table
  float joined = 0;     // of one table for it and the next one of its group
  bool is_last = true;  // of its group
};

auto bits_of(Counts const& counts) -> float {
  uint32_t sum = 0;
  float bits = 0;
  for (uint32_t const n : counts) {
    sum += n;
    bits -= weigh(n);
    if (n > 0) bits += kShareBitsAbout;
  }
  return sum == 0 ? 0 : bits + weigh(sum) + kTableBits;
}

auto sum_of(Counts a, Counts const& b) -> Counts {
  for (size_t s = 0; s < a.size(); ++s) a[s] += b[s];
  return a;
}

/// Sets of one context each, without those that never came: they join a neighbour.
auto single_sets(SymbolCounts const& counts) -> std::vector<Set> {
  std::vector<Set> sets;
  size_t at = 0;
  for (uint16_t const size : weights::kAllGroups) {
    size_t const before = sets.size();
    for (size_t i = 0; i < size; ++i) {
      Counts const& here = counts[at + i];
      if (std::ranges::all_of(here, [](uint32_t n) { return n == 0; })) continue;
      if (sets.size() > before) sets.back().is_last = false;
      sets.push_back({.counts = here, .first = at + i, .bits = bits_of(here)});
    }
    if (sets.size() > before) sets[before].first = at;
    at += size;
  }
  return sets;
}

/// Joins neighbours while that saves bits, or while there are too many.
void join_sets(std::vector<Set>& sets) {
  auto const look = [&](size_t i) {
    if (i < sets.size() && !sets[i].is_last)
      sets[i].joined = bits_of(sum_of(sets[i].counts, sets[i + 1].counts));
  };
  for (size_t i = 0; i < sets.size(); ++i) look(i);
  for (;;) {
    size_t best = sets.size();
    float saved = sets.size() > weights::kTablesMax ? -1e30f : 0;
    for (size_t i = 0; i + 1 < sets.size(); ++i) {
      if (sets[i].is_last) continue;
      float const here = sets[i].bits + sets[i + 1].bits - sets[i].joined;
      if (here <= saved) continue;
      saved = here;
      best = i;
    }
    if (best == sets.size()) return;
    Set& set = sets[best];
    set.counts = sum_of(set.counts, sets[best + 1].counts);
    set.bits = set.joined;
    set.is_last = sets[best + 1].is_last;
    sets.erase(sets.begin() + static_cast<ptrdiff_t>(best) + 1);
    look(best);
    if (best > 0) look(best - 1);
  }
}

/// Shares in proportion, none of them 0 for a symbol that came; the largest takes what is left.
auto shares_of(Counts const& counts) -> std::array<uint16_t, weights::kSymbols> {
  uint64_t sum = 0;
  for (uint32_t const n : counts) sum += n;
  std::array<uint16_t, weights::kSymbols> shares{};
  int32_t left = weights::kSharesAll;
  for (size_t s = 0; s < counts.size(); ++s) {
    if (counts[s] == 0) continue;
    uint64_t const exact = (counts[s] * uint64_t{weights::kSharesAll} + sum / 2) / sum;
    shares[s] = static_cast<uint16_t>(std::max<uint64_t>(exact, 1));
    left -= shares[s];
  }
  while (left != 0) {
    auto& largest = *std::max_element(shares.begin(), shares.end());
    int32_t const change = std::max(left, -(largest / 2));
    largest = static_cast<uint16_t>(largest + change);
    left -= change;
  }
  return shares;
}

}  // namespace

auto choose_shares(SymbolCounts const& counts) -> weights::TabledShares {
  auto sets = single_sets(counts);
  join_sets(sets);
  weights::TabledShares shares;
  shares.table.fill(weights::kNoTable);
  shares.count = static_cast<uint32_t>(sets.size());
  size_t at = 0;
  size_t next = 0;
  for (uint16_t const size : weights::kAllGroups) {
    bool const any = next < sets.size() && sets[next].first < at + size;
    for (size_t i = 0; i < size; ++i, ++at) {
      if (next < sets.size() && sets[next].first == at) ++next;
      if (any) shares.table[at] = static_cast<uint8_t>(next - 1);
    }
  }
  for (size_t t = 0; t < sets.size(); ++t) shares.share[t] = shares_of(sets[t].counts);
  return shares;
}

auto TabledCounter::bytes() const -> double {
  auto const sets = single_sets(counts_);
  double bits = static_cast<double>(raw_bits_);
  for (Set const& set : sets) {
    // Tables are described once for many more symbols than a trial sees: they count as one bit.
    bits += double{set.bits} - kTableBits;
    for (uint32_t const n : set.counts) bits -= n > 0 ? kShareBitsAbout - 1 : 0;
  }
  return bits / 8;
}

namespace {

/// A symbol of a table as coding needs it, without a division.
struct CodedSymbol {
  uint32_t first = 0;
  uint32_t share = 0;
  uint64_t reciprocal = 0;  // of the share, in 2^-43, rounded up: exact below share * 2^21

  auto next(uint32_t x) const -> uint32_t {
    auto const whole =
        share == 1 ? x : static_cast<uint32_t>((uint64_t{x} * reciprocal) >> kReciprocalBits);
    return (whole << weights::kShareBits) + (x - whole * share) + first;
  }
  static constexpr uint32_t kReciprocalBits = 43;
};
using CodedTable = std::array<CodedSymbol, weights::kSymbols>;

auto coded_tables(weights::TabledShares const& shares) -> std::vector<CodedTable> {
  std::vector<CodedTable> tables(shares.count);
  for (size_t t = 0; t < shares.count; ++t) {
    uint32_t first = 0;
    for (size_t s = 0; s < weights::kSymbols; ++s) {
      uint32_t const share = shares.share[t][s];
      uint64_t const one = uint64_t{1} << CodedSymbol::kReciprocalBits;
      tables[t][s] = {.first = first, .share = share};
      if (share > 1) tables[t][s].reciprocal = (one + share - 1) / share;
      first += share;
    }
  }
  return tables;
}

}  // namespace

auto TabledRecorder::finish(bool fine) -> Bytes {
  auto shares = choose_shares(counts_);
  auto const coded_by = coded_tables(shares);
  uint32_t x = weights::kStateMin;
  Bytes reversed;
  auto const give = [&] {
    reversed.push_back(static_cast<uint8_t>(x));
    reversed.push_back(static_cast<uint8_t>(x >> 8));
    x >>= 16;
  };
  for (size_t i = notes_.size(); i-- > 0;) {
    uint32_t const note = notes_[i];
    if (note & kRaw) {
      uint32_t const bits = (note ^ kRaw) >> kRawShift;
      if (x >> (32 - bits)) give();
      x = x << bits | (note & ((1u << kRawShift) - 1));
      continue;
    }
    uint32_t const table = shares.table[note / weights::kSymbols];
    CodedSymbol const& symbol = coded_by[table][note % weights::kSymbols];
    if (x >= uint64_t{symbol.share} << (32 - weights::kShareBits)) give();
    x = symbol.next(x);
  }
  give();
  give();
  BinaryEncoder encoder;
  std::vector<weights::ShareModel> models(weights::kShareModels);
  CHECK(weights::code_shares(encoder, std::span(models), fine, shares));
  Bytes const tables = encoder.finish();
  CHECK(tables.size() < 65536);
  Bytes coded;
  coded.reserve(2 + tables.size() + reversed.size());
  coded.push_back(static_cast<uint8_t>(tables.size()));
  coded.push_back(static_cast<uint8_t>(tables.size() >> 8));
  coded.insert(coded.end(), tables.begin(), tables.end());
  coded.insert(coded.end(), reversed.rbegin(), reversed.rend());
  return coded;
}

}  // namespace godwit::delta
