// The tables of a tabled segment (docs/format-delta.md, "Tabled segments"): how 2,048 are shared by
// the sixteen symbols, for each of up to 40 sets of neighbouring contexts.
#pragma once

#include <span>

#include "proto/format/weights/number_model.h"

namespace godwit::proto::weights {

constexpr uint32_t kSymbols = 16;
constexpr uint32_t kShareBits = 11;
constexpr uint32_t kSharesAll = 1u << kShareBits;
constexpr size_t kTablesMax = 40;
constexpr uint8_t kNoTable = 255;

/// Contexts lie in groups; neighbours of a group may have one table.
constexpr uint32_t kLevels = 24;
constexpr std::array<uint16_t, 7> kContextGroups = {kLevels, kLevels, kLevels, kLevels, 16, 64, 1};
constexpr uint32_t kLowContexts = 4 * kLevels;         // low halves of bytes, by the high one
constexpr uint32_t kListContexts = kLowContexts + 16;  // entries of factors; or lists of bytes
constexpr uint32_t kRatioContext = kListContexts + 64;

/// Further groups of segments by finer tables: of lengths, of the bits below, of far lengths.
constexpr uint32_t kLeanings = 5;
constexpr uint32_t kFineLengthContexts = kLeanings * 96;
constexpr std::array<uint16_t, 3> kFineGroups = {kFineLengthContexts, 3 * 8 + 64, 16};
constexpr uint32_t kFineLengths = kRatioContext + 1;
constexpr uint32_t kFineBits = kFineLengths + kFineGroups[0];
constexpr uint32_t kFineFar = kFineBits + kFineGroups[1];
constexpr uint32_t kContextsAll = kFineFar + kFineGroups[2];

/// All groups; those of finer tables are the last ones.
constexpr auto make_groups() {
  std::array<uint16_t, kContextGroups.size() + kFineGroups.size()> groups{};
  for (size_t i = 0; i < groups.size(); ++i)
    groups[i] =
        i < kContextGroups.size() ? kContextGroups[i] : kFineGroups[i - kContextGroups.size()];
  return groups;
}
inline constexpr auto kAllGroups = make_groups();
inline auto groups_of(bool fine) -> std::span<uint16_t const> {
  return std::span(kAllGroups).first(fine ? kAllGroups.size() : kContextGroups.size());
}

struct TabledShares {
  std::array<uint8_t, kContextsAll> table{};  // of each context
  std::array<std::array<uint16_t, kSymbols>, kTablesMax> share{};
  uint32_t count = 0;
};

using ShareModel = NumberModel<12>;
constexpr size_t kShareModels = 2 * kSymbols;  // after a share of nothing, and after another one

/// Which contexts begin a table, then the shares of each; that of symbol 0 is what is left. False
/// when there are too many tables or a sum is too large. `models` are fresh.
template <typename Coder>
auto code_shares(Coder& coder, std::span<ShareModel> models, bool fine, TabledShares& shares)
    -> bool {
  AdaptiveBit used;
  size_t at = 0;
  shares.count = 0;
  for (uint16_t const size : groups_of(fine)) {
    AdaptiveBit starts;
    bool const any = used.code(coder, shares.table[at] != kNoTable);
    for (size_t i = 0; i < size; ++i, ++at) {
      if (any && (i == 0 || starts.code(coder, shares.table[at] != shares.count - 1)))
        ++shares.count;
      if (shares.count > kTablesMax) return false;
      shares.table[at] = any ? static_cast<uint8_t>(shares.count - 1) : kNoTable;
    }
  }
  for (size_t t = 0; t < shares.count; ++t) {
    uint64_t left = kSharesAll;
    bool nothing = false;
    for (size_t s = 1; s < kSymbols; ++s) {
      uint64_t const share = models[(nothing ? kSymbols : 0) + s].code(coder, shares.share[t][s]);
      if (share > left) return false;
      shares.share[t][s] = static_cast<uint16_t>(share);
      left -= share;
      nothing = share == 0;
    }
    shares.share[t][0] = static_cast<uint16_t>(left);
  }
  return true;
}

}  // namespace godwit::proto::weights
