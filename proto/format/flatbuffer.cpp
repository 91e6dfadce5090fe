#include "proto/format/flatbuffer.h"

namespace godwit::proto::flatbuffer {

namespace {

auto inside(ByteView file, uint64_t offset, uint64_t size) -> bool {
  return offset <= file.size() && size <= file.size() - offset;
}

auto damaged() -> Error {
  return corrupt("damaged or truncated: an offset leads outside the file");
}

}  // namespace

auto Table::root(ByteView file, std::string_view identifier) -> Result<Table> {
  if (file.size() < 8 || as_text(file.subspan(4, 4)) != identifier)
    return invalid("not a file of kind " + std::string(identifier));
  return at(file, Table(file).load<uint32_t>(0));
}

auto Table::at(ByteView file, uint64_t offset) -> Result<Table> {
  if (!inside(file, offset, 4)) return damaged();
  Table table(file);
  table.start_ = static_cast<size_t>(offset);
  int64_t const vtable = static_cast<int64_t>(offset) - table.load<int32_t>(table.start_);
  if (vtable < 0 || !inside(file, static_cast<uint64_t>(vtable), 4)) return damaged();
  table.vtable_ = static_cast<size_t>(vtable);
  table.vtable_bytes_ = table.load<uint16_t>(table.vtable_);
  if (table.vtable_bytes_ < 4 || !inside(file, table.vtable_, table.vtable_bytes_))
    return damaged();
  return table;
}

auto Table::place(uint32_t field, size_t size) const -> Result<std::optional<size_t>> {
  size_t const slot = 4 + 2 * size_t{field};
  if (slot + 2 > vtable_bytes_) return std::optional<size_t>();
  size_t const distance = load<uint16_t>(vtable_ + slot);
  if (distance == 0) return std::optional<size_t>();
  if (!inside(file_, uint64_t{start_} + distance, size)) return damaged();
  return std::optional<size_t>(start_ + distance);
}

auto Table::follow(uint32_t field) const -> Result<std::optional<size_t>> {
  TRY(auto const at, place(field, 4));
  if (!at) return std::optional<size_t>();
  uint64_t const target = uint64_t{*at} + load<uint32_t>(*at);
  if (!inside(file_, target, 4)) return damaged();
  return std::optional<size_t>(static_cast<size_t>(target));
}

auto Table::elements(uint32_t field, size_t element_bytes) const -> Result<Vector> {
  TRY(auto const start, follow(field));
  if (!start) return Vector{};
  uint64_t const count = load<uint32_t>(*start);
  if (!inside(file_, uint64_t{*start} + 4, count * element_bytes)) return damaged();
  return Vector{*start + 4, static_cast<size_t>(count)};
}

auto Table::table(uint32_t field) const -> Result<std::optional<Table>> {
  TRY(auto const target, follow(field));
  if (!target) return std::optional<Table>();
  TRY(auto table, at(file_, *target));
  return std::optional<Table>(table);
}

auto Table::text(uint32_t field) const -> Result<std::string_view> {
  TRY(auto const view, bytes(field));
  return as_text(view);
}

auto Table::bytes(uint32_t field) const -> Result<ByteView> {
  TRY(auto const vector, elements(field, 1));
  return file_.subspan(vector.first, vector.count);
}

auto Table::tables(uint32_t field, size_t count_max) const -> Result<std::vector<Table>> {
  TRY(auto const vector, elements(field, 4));
  if (vector.count > count_max) return corrupt("a vector of too many tables");
  std::vector<Table> out;
  out.reserve(vector.count);
  for (size_t i = 0; i < vector.count; ++i) {
    size_t const entry = vector.first + 4 * i;
    TRY(auto table, at(file_, uint64_t{entry} + load<uint32_t>(entry)));
    out.push_back(table);
  }
  return out;
}

}  // namespace godwit::proto::flatbuffer
