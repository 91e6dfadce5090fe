// All that coding a weights block needs to remember, as one object in memory of the caller. The
// profile of the patch chooses the sizes; every block starts from `reset`.
#pragma once

#include <cstddef>
#include <memory>

#include "proto/format/weights/alone_model.h"
#include "proto/format/weights/bytes_model.h"
#include "proto/format/weights/kept_floats.h"
#include "proto/format/weights/tensor_rows.h"

namespace godwit::proto::weights {

/// Memory whose use changes from segment to segment: statistics of columns and factors of a tensor.
/// Its size bounds how wide and of what rank tensors may be.
template <size_t kBytes>
class Arena {
 public:
  void clear() { used_ = kept_ = 0; }
  /// What was taken until now stays until `clear`; `rewind` gives back all but that.
  void keep() { kept_ = used_; }
  void rewind() { used_ = kept_; }
  /// Room for `count` values; empty when there is not enough.
  template <typename T>
  auto take(size_t count) -> std::span<T> {
    size_t const at = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    if (count > kBytes / sizeof(T) || at + count * sizeof(T) > kBytes) return {};
    used_ = at + count * sizeof(T);
    T* const first = reinterpret_cast<T*>(bytes_ + at);
    for (size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }

 private:
  alignas(8) std::byte bytes_[kBytes];
  size_t used_ = 0;
  size_t kept_ = 0;
};

/// The rows' entries of factors, each component with a model of its own.
struct LearntEntries {
  template <typename Arena>
  auto begin(Arena& arena, size_t count) -> bool {
    each = arena.template take<EntryModel>(count);
    return each.size() == count;
  }
  template <typename Coder>
  auto code(Coder& coder, size_t component, uint64_t value) -> uint64_t {
    return each[component].code(coder, value);
  }
  std::span<EntryModel> each{};
};

constexpr size_t kSmallArenaBytes = 50u << 10;
constexpr size_t kLargeArenaBytes = 320u << 10;

/// The models of codes. In small memory they share their place: a block that goes from one to the
/// other begins it anew.
template <bool kLarge>
struct CodeModels {
  ResidualModel<WideCells> residual;
  AloneModel<WideCells> alone;
};
template <>
struct CodeModels<false> {
  CodeModels() : residual() {}
  union {
    ResidualModel<PackedCells> residual;
    AloneModel<PackedCells> alone;
  };
};

template <bool kLarge>
struct Models : CodeModels<kLarge> {
  NumberRowModel<kLarge> numbers;
  BytesModel<kLarge ? 2048 : 40> bytes;
  RatioModel ratio;
  LearntEntries entries;
  KeptFloats<kLarge ? 16384 : 256> kept;

  /// Every block begins anew; `described` ones code bytes alone in another way, and `version` is
  /// that of the patch.
  void begin_block(bool described, uint16_t version) {
    described_ = described;
    version_ = version;
    learning_ = {};
    ratio.reset();
    kept.clear();
  }
  /// Before each segment: of the large models, those that a block does not use stay as they are.
  void begin(Segment const& segment) {
    bool const tensor = segment.kind == SegmentKind::tensor;
    Kind const kind = !tensor               ? kBytes
                      : segment.is_alone()  ? kAlone
                      : segment.has_codes() ? kCodes
                                            : kNumbers;
    if (learning_[kind]) return;
    learning_[kind] = true;
    if (!kLarge && kind == kCodes) learning_[kAlone] = false;
    if (!kLarge && kind == kAlone) learning_[kCodes] = false;
    switch (kind) {
      case kBytes:
        return bytes.reset(described_, version_);
      case kAlone:
        return std::construct_at(&this->alone)->reset();
      case kCodes:
        return std::construct_at(&this->residual)->reset();
      case kNumbers:
        return numbers.reset();
    }
  }

 private:
  enum Kind : uint8_t { kCodes, kAlone, kNumbers, kBytes };
  std::array<bool, 4> learning_{};
  bool described_ = false;
  uint16_t version_ = 0;
};

}  // namespace godwit::proto::weights
