// Constants of our own compiled model.
#include "proto/format/model.h"

#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

auto element_type(proto::TensorType type) -> ElementType {
  switch (type) {
    case proto::TensorType::int8:
      return ElementType::int8;
    case proto::TensorType::uint8:
      return ElementType::uint8;
    case proto::TensorType::int16:
      return ElementType::int16;
    case proto::TensorType::int32:
      return ElementType::int32;
    case proto::TensorType::float32:
      return ElementType::fp32;
    case proto::TensorType::int64:
      break;
  }
  return ElementType::uint8;
}

}  // namespace

auto read_compiled_model(ByteView file) -> Result<TensorTable> {
  TRY(auto const model, proto::parse_model(file));
  TableBuilder builder(file);
  for (uint32_t i = 0; i < model.tensor_count(); ++i) {
    auto const tensor = model.tensor(i);
    if (tensor.place != proto::Place::constant) continue;
    FileTensor found{
        .name = std::string(tensor.name.substr(0, kTableNameBytesMax)),
        .type = element_type(tensor.type),
        .shape = {tensor.shape.begin(), tensor.shape.begin() + static_cast<int>(tensor.rank)},
        .offset = builder.offset_of(model.constant(tensor)),
        .bytes = tensor.size_bytes,
        .scales = std::nullopt};
    if (tensor.scale_count > 0)
      found.scales = TensorScales{.offset = builder.offset_of(tensor.scale_bits),
                                  .count = tensor.scale_count,
                                  .axis = tensor.scale_axis};
    TRY_VOID(builder.add(std::move(found)));
  }
  return std::move(builder).finish("compiled model");
}

}  // namespace godwit::delta
