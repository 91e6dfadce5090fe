#include "proto/format/model.h"

#include <algorithm>

#include "proto/format/model_layout.h"

namespace godwit::proto {

using layout::little;

auto to_string(TensorType type) -> std::string_view {
  switch (type) {
    case TensorType::int8:
      return "int8";
    case TensorType::uint8:
      return "uint8";
    case TensorType::int16:
      return "int16";
    case TensorType::int32:
      return "int32";
    case TensorType::float32:
      return "float32";
    case TensorType::int64:
      return "int64";
  }
  return "unknown";
}

auto to_string(Place place) -> std::string_view {
  switch (place) {
    case Place::arena:
      return "arena";
    case Place::constant:
      return "constant";
    case Place::state:
      return "state";
  }
  return "unknown";
}

auto element_bytes(TensorType type) -> uint32_t {
  switch (type) {
    case TensorType::int8:
    case TensorType::uint8:
      return 1;
    case TensorType::int16:
      return 2;
    case TensorType::int32:
    case TensorType::float32:
      return 4;
    case TensorType::int64:
      return 8;
  }
  return 0;
}

auto Tensor::scale(uint32_t i) const -> float {
  CHECK(i < scale_count);
  return std::bit_cast<float>(little<uint32_t>(scale_bits, 4 * size_t{i}));
}

auto Operator::word(uint32_t i) const -> uint32_t {
  CHECK(i < inputs_ + outputs_ + params_);
  return little<uint32_t>(words_, 4 * size_t{i});
}

void Operator::read_params(std::span<int32_t> words) const {
  CHECK(words.size() == params_);
  for (uint32_t i = 0; i < params_; ++i) words[i] = param(i);
}

auto ModelView::tensor(uint32_t i) const -> Tensor {
  CHECK(i < tensor_count_);
  auto const record = tensors_.subspan(i * layout::kTensorBytes, layout::kTensorBytes);
  Tensor tensor;
  tensor.name = as_text(names_.subspan(little<uint32_t>(record, 0), little<uint16_t>(record, 4)));
  tensor.type = static_cast<TensorType>(record[6]);
  tensor.place = static_cast<Place>(record[7]);
  tensor.rank = record[8];
  tensor.scale_axis = record[9];
  tensor.scale_count = little<uint32_t>(record, 12);
  tensor.scale_bits =
      scales_.subspan(size_t{little<uint32_t>(record, 16)} * 4, size_t{tensor.scale_count} * 4);
  tensor.zero_point = static_cast<int32_t>(little<uint32_t>(record, 20));
  tensor.elements = 1;
  tensor.shape.fill(1);
  for (uint32_t d = 0; d < tensor.rank; ++d) {
    tensor.shape[d] = little<uint32_t>(record, 24 + 4 * d);
    tensor.elements *= tensor.shape[d];
  }
  tensor.size_bytes = tensor.elements * element_bytes(tensor.type);
  tensor.offset = little<uint32_t>(record, 48);
  return tensor;
}

auto ModelView::op(uint32_t i) const -> Operator {
  CHECK(i < operator_count_);
  auto const record = operators_.subspan(i * layout::kOperatorBytes, layout::kOperatorBytes);
  uint32_t const inputs = record[2];
  uint32_t const outputs = record[3];
  uint32_t const params = little<uint16_t>(record, 4);
  auto const words = words_.subspan(4 * size_t{little<uint32_t>(record, 8)},
                                    4 * size_t{inputs + outputs + params});
  auto const code = static_cast<Opcode>(little<uint16_t>(record, 0));
  return {code, rounding_, inputs, outputs, params, words};
}

auto ModelView::output(uint32_t i) const -> uint32_t {
  CHECK(i < output_count_);
  return little<uint32_t>(outputs_, 4 * size_t{i});
}

auto ModelView::golden() const -> std::optional<Golden> {
  if (golden_.empty()) return std::nullopt;
  Golden golden{
      .seed = little<uint64_t>(golden_, 0), .rows = little<uint32_t>(golden_, 8), .outputs = {}};
  std::copy_n(golden_.begin() + 16, golden.outputs.bytes.size(), golden.outputs.bytes.begin());
  return golden;
}

auto ModelView::source() const -> std::optional<Sha256> {
  if (metadata_.empty()) return std::nullopt;
  Sha256 digest;
  std::copy_n(metadata_.begin(), digest.bytes.size(), digest.bytes.begin());
  return digest;
}

}  // namespace godwit::proto
