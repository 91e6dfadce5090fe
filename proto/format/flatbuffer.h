// Bounded reading of FlatBuffers tables (flatbuffers.dev, "Internals"): every offset, size and
// count is checked against the file before it is used. Knows nothing of any schema. Shared by the
// compiler, which imports .tflite files, and by server/delta, which finds their tensors.
#pragma once

#include <bit>
#include <optional>
#include <type_traits>

#include "proto/base/bytes.h"

namespace godwit::proto::flatbuffer {

class Table {
 public:
  /// The root table; `identifier` is the file's four letters.
  static auto root(ByteView file, std::string_view identifier) -> Result<Table>;

  /// A number, or `absent` where the table does not hold the field.
  template <typename T>
  auto number(uint32_t field, T absent) const -> Result<T> {
    TRY(auto const at, place(field, sizeof(T)));
    return at ? load<T>(*at) : absent;
  }
  auto table(uint32_t field) const -> Result<std::optional<Table>>;
  auto text(uint32_t field) const -> Result<std::string_view>;  // empty when absent
  auto bytes(uint32_t field) const -> Result<ByteView>;
  /// `corrupt` past `count_max`: entries of a hostile file may all lead to one table.
  auto tables(uint32_t field, size_t count_max = SIZE_MAX) const -> Result<std::vector<Table>>;
  /// A vector of numbers as it lies in the file; empty when absent.
  template <typename T>
  auto bytes_of(uint32_t field) const -> Result<ByteView> {
    TRY(auto const vector, elements(field, sizeof(T)));
    return file_.subspan(vector.first, vector.count * sizeof(T));
  }
  /// A vector of numbers; empty when absent.
  template <typename T>
  auto numbers(uint32_t field) const -> Result<std::vector<T>> {
    TRY(auto const vector, elements(field, sizeof(T)));
    std::vector<T> out(vector.count);
    for (size_t i = 0; i < out.size(); ++i) out[i] = load<T>(vector.first + i * sizeof(T));
    return out;
  }

 private:
  struct Vector {
    size_t first = 0;
    size_t count = 0;
  };

  explicit Table(ByteView file) : file_(file) {}
  static auto at(ByteView file, uint64_t offset) -> Result<Table>;
  /// Where the field lies in the file; none if it is absent.
  auto place(uint32_t field, size_t size) const -> Result<std::optional<size_t>>;
  /// Where the field's offset leads.
  auto follow(uint32_t field) const -> Result<std::optional<size_t>>;
  auto elements(uint32_t field, size_t element_bytes) const -> Result<Vector>;

  template <typename T>
  auto load(size_t offset) const -> T {
    if constexpr (std::is_same_v<T, float>) {
      return std::bit_cast<float>(load<uint32_t>(offset));
    } else {
      using Unsigned = std::make_unsigned_t<T>;
      Unsigned value = 0;
      for (size_t i = sizeof(T); i-- > 0;)
        value = static_cast<Unsigned>(static_cast<uint64_t>(value) << 8 | file_[offset + i]);
      return static_cast<T>(value);
    }
  }

  ByteView file_;
  size_t start_ = 0;
  size_t vtable_ = 0;
  size_t vtable_bytes_ = 0;
};

}  // namespace godwit::proto::flatbuffer
