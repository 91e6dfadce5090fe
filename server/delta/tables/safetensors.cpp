// Tensors of .safetensors files, found in their JSON header.
#include "proto/json/json.h"
#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

constexpr size_t kHeaderBytesMax = 8u << 20;
constexpr size_t kLengthBytes = 8;

auto read_natural(Json const& json) -> Result<uint64_t> {
  TRY(int64_t const value, json.as_int());
  if (value < 0) return corrupt("a negative number");
  return static_cast<uint64_t>(value);
}

auto read_tensor(std::string const& name, Json const& json, uint64_t data_offset)
    -> Result<std::optional<FileTensor>> {
  std::optional<FileTensor> none;
  TRY(auto const dtype, json.get_string("dtype"));
  auto const type = parse_element_type(dtype);
  if (!type) return none;  // a type that nobody knew when this was written
  FileTensor tensor;
  tensor.name = name;
  tensor.type = *type;
  TRY(auto const shape, json.get_array("shape"));
  for (auto const& item : shape.items()) {
    TRY(uint64_t const extent, read_natural(item));
    if (extent > UINT32_MAX) return corrupt("an extent of more than 32 bits");
    tensor.shape.push_back(static_cast<uint32_t>(extent));
  }
  TRY(auto const offsets, json.get_array("data_offsets"));
  if (offsets.size() != 2) return corrupt("data_offsets are two");
  TRY(uint64_t const begin, read_natural(offsets.items()[0]));
  TRY(uint64_t const end, read_natural(offsets.items()[1]));
  if (begin > end) return corrupt("data_offsets in the wrong order");
  tensor.offset = data_offset + begin;
  tensor.bytes = end - begin;
  return std::optional(std::move(tensor));
}

}  // namespace

auto read_safetensors(ByteView file) -> Result<TensorTable> {
  Reader reader(file);
  TRY(uint64_t const header_bytes, reader.u64());
  if (header_bytes > kHeaderBytesMax) return corrupt("no safetensors header");
  TRY(auto const header, reader.bytes(header_bytes));
  if (header.empty() || header.front() != '{') return corrupt("no safetensors header");
  TRY(auto const json, Json::parse(as_text(header), {.bytes_max = kHeaderBytesMax}));
  TableBuilder builder(file);
  for (auto const& [name, member] : json.members()) {
    if (name == "__metadata__") continue;
    TRY(auto tensor, read_tensor(name, member, kLengthBytes + header_bytes));
    if (tensor) TRY_VOID(builder.add(*std::move(tensor)));
  }
  return std::move(builder).finish("safetensors");
}

}  // namespace godwit::delta
