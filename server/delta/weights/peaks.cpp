#include "server/delta/weights/peaks.h"

#include <algorithm>

#include "server/delta/weights/tensor_numbers.h"

namespace godwit::delta {

auto likely_peaks(ByteView file, TensorSpan const& tensor) -> std::vector<proto::weights::Peaks> {
  using proto::weights::Peaks;
  if (tensor.type != ElementType::int8 && tensor.type != ElementType::uint8) return {};
  uint32_t rows = 0;
  std::vector<bool> peaked(tensor.cols);
  uint8_t const zero = tensor.type == ElementType::uint8 ? 0x80 : 0;
  for (uint32_t row = 0; row < tensor.rows; ++row) {
    ByteView const weights = row_of(file, tensor, row);
    bool any = false;
    for (size_t j = 0; j < weights.size(); ++j) {
      auto const weight = static_cast<int8_t>(weights[j] ^ zero);
      if (weight != 127 && weight != -127) continue;
      any = true;
      peaked[j] = true;
    }
    rows += any;
  }
  auto const cols = static_cast<uint32_t>(std::ranges::count(peaked, true));
  std::vector<Peaks> likely = {Peaks::none};
  if (rows >= tensor.rows - tensor.rows / 4) likely.push_back(Peaks::rows);
  if (cols >= tensor.cols - tensor.cols / 4) likely.push_back(Peaks::columns);
  return likely;
}

}  // namespace godwit::delta
