#include <bit>

#include "tests/unit/agent/engine/plain_operands.h"

namespace godwit::engine {

namespace {

class PlainValues : public PlainOperands {
 public:
  using PlainOperands::PlainOperands;

 private:
  auto value(Index const& at) const -> int64_t override {
    switch (op_.code()) {
      case Opcode::mul:
        return mul(at);
      case Opcode::maximum:
        return std::max(broadcast(0, at), broadcast(1, at)) + inputs_[0].zero_point;
      case Opcode::minimum:
        return std::min(broadcast(0, at), broadcast(1, at)) + inputs_[0].zero_point;
      case Opcode::squared_difference:
        return squared_difference(at);
      case Opcode::prelu:
        return prelu(at);
      case Opcode::wide_slopes:
        return slopes(at);
      case Opcode::requantize:
        return requantize(at);
      case Opcode::pair_lookup:
        return pair_lookup(at);
      case Opcode::lookup:
        return stored(1, static_cast<uint8_t>(stored(0, place(at))));
      case Opcode::reduce_max:
      case Opcode::reduce_min:
        return reduce(at);
      case Opcode::arg_max:
      case Opcode::arg_min:
        return arg(at);
      case Opcode::batch_matmul:
        return batch_matmul(at);
      case Opcode::resize_bilinear:
        return resize_bilinear(at);
      case Opcode::cast:
        return cast(at);
      case Opcode::dequantize:
        return dequantize(at);
      default:
        return moved(at);
    }
  }

  auto moved(Index const& at) const -> int64_t {
    switch (op_.code()) {
      case Opcode::pad:
        return pad(at);
      case Opcode::rearrange:
        return rearrange(at);
      case Opcode::concatenation:
        return concatenation(at);
      case Opcode::gather:
        return gather(at);
      default:
        return stored(0, place(at));  // RESHAPE
    }
  }

  auto mul(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::MulParams>();
    return finished(broadcast(0, at) * broadcast(1, at), p.multiplier, p.clamp);
  }

  auto pair_lookup(Index const& at) const -> int64_t {
    auto const byte = [&](size_t i) {
      return static_cast<uint8_t>(broadcast(i, at) + inputs_[i].zero_point);
    };
    return stored(2, int64_t{256} * byte(0) + byte(1));
  }

  auto squared_difference(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::AddParams>();
    int64_t const factor = INT64_C(1) << p.left_shift;
    int64_t const difference = scaled(broadcast(0, at) * factor, p.first, op_.rounding()) -
                               scaled(broadcast(1, at) * factor, p.second, op_.rounding());
    return finished(difference * difference, p.output, p.clamp);
  }

  auto prelu(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::PreluParams>();
    int64_t const x = broadcast(0, at);
    return x >= 0 ? finished(x, p.positive, whole())
                  : finished(x * broadcast(1, at), p.negative, whole());
  }

  auto slopes(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::SlopesParams>();
    int64_t const x = number(0, place(at));
    return finished(x, x < 0 ? p.negative : p.positive, p.clamp);
  }

  auto requantize(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::RequantizeParams>();
    int64_t const result =
        scaled(wrapped(number(0, place(at))), p.multiplier, op_.rounding()) + output_.zero_point;
    int64_t const bits = 8 * proto::element_bytes(output_.type);
    int64_t const low = output_.type == proto::TensorType::uint8 ? 0 : -(INT64_C(1) << (bits - 1));
    return std::clamp<int64_t>(result, low, low + (INT64_C(1) << bits) - 1);
  }

  /// Whether input value `i` is one of those that become the output at `at`.
  auto falls_on(int64_t i, int32_t axes, Index const& at) const -> bool {
    for (uint32_t d = inputs_[0].rank; d-- > 0;) {
      if (!(axes >> d & 1) && i % inputs_[0].shape[d] != at[4 - output_.rank + d]) return false;
      i /= inputs_[0].shape[d];
    }
    return true;
  }

  auto reduce(Index const& at) const -> int64_t {
    bool const greatest = op_.code() == Opcode::reduce_max;
    int64_t best = greatest ? INT64_MIN : INT64_MAX;
    for (uint32_t i = 0; i < inputs_[0].elements; ++i)
      if (falls_on(i, op_.params<proto::ReduceParams>().axes, at))
        best = greatest ? std::max(best, stored(0, i)) : std::min(best, stored(0, i));
    return best;
  }

  auto arg(Index const& at) const -> int64_t {
    int64_t const sign = op_.code() == Opcode::arg_max ? 1 : -1;
    int64_t best = INT64_MIN;
    int64_t found = 0;
    int64_t next = 0;
    for (uint32_t i = 0; i < inputs_[0].elements; ++i) {
      if (!falls_on(i, 1 << op_.params<proto::ArgParams>().axis, at)) continue;
      if (sign * stored(0, i) > best) {
        best = sign * stored(0, i);
        found = next;
      }
      ++next;
    }
    return found;
  }

  /// One value of a matrix, of the last two dimensions, of the batch that `at` lies in.
  auto matrix_value(size_t input, Index const& at, int64_t row, int64_t column) const -> int64_t {
    auto const& tensor = inputs_[input];
    int64_t i = 0;
    for (uint32_t d = 0; d + 2 < tensor.rank; ++d)
      i = i * tensor.shape[d] + (tensor.shape[d] == 1 ? 0 : at[4 - tensor.rank + d]);
    i = (i * tensor.shape[tensor.rank - 2] + row) * tensor.shape[tensor.rank - 1] + column;
    return number(input, i);
  }

  auto batch_matmul(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::BatchMatmulParams>();
    int64_t const depth = inputs_[0].shape[inputs_[0].rank - (p.transpose_first ? 2 : 1)];
    int64_t sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += (p.transpose_first ? matrix_value(0, at, k, at[2]) : matrix_value(0, at, at[2], k)) *
             (p.transpose_second ? matrix_value(1, at, at[3], k) : matrix_value(1, at, k, at[3]));
    if (output_.type == proto::TensorType::int8) return finished(sum, p.multiplier, p.clamp);
    return std::clamp<int64_t>(scaled_wide(sum, p.multiplier), p.clamp.low, p.clamp.high);
  }

  /// Coordinates in 1/1024 of a pixel; the four neighbours weigh what they are near.
  auto resize_bilinear(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::ResizeParams>();
    auto const& in = inputs_[0].shape;
    auto const coordinate = [&](int64_t index, int64_t scale) {
      return index * scale + (p.half_pixel_centers ? scale / 2 - 512 : 0);
    };
    int64_t const y = coordinate(at[1], p.height_scale);
    int64_t const x = coordinate(at[2], p.width_scale);
    auto const lower = [](int64_t c, int64_t count) {
      return std::clamp<int64_t>(c / 1024, 0, count - 1);  // towards zero
    };
    auto const upper = [](int64_t c, int64_t count) {
      return std::clamp<int64_t>((c + 1023) / 1024, 0, count - 1);
    };
    int64_t const top = lower(y, in[1]);
    int64_t const left = lower(x, in[2]);
    int64_t sum = 0;
    for (int64_t const down : {0, 1})
      for (int64_t const right : {0, 1}) {
        int64_t const row = down ? upper(y, in[1]) : top;
        int64_t const column = right ? upper(x, in[2]) : left;
        int64_t const weight_y = down ? y - 1024 * top : 1024 - (y - 1024 * top);
        int64_t const weight_x = right ? x - 1024 * left : 1024 - (x - 1024 * left);
        sum += weight_y * weight_x *
               stored(0, ((at[0] * in[1] + row) * in[2] + column) * in[3] + at[3]);
      }
    return half_away(sum, 1 << 20);
  }

  auto cast(Index const& at) const -> int64_t {
    int64_t const given = stored(0, place(at));
    bool const from_real = inputs_[0].type == proto::TensorType::float32;
    bool const to_real = output_.type == proto::TensorType::float32;
    if (from_real == to_real) return given;
    if (to_real) return std::bit_cast<int32_t>(static_cast<float>(given));
    auto const real = static_cast<double>(std::bit_cast<float>(static_cast<int32_t>(given)));
    if (std::isnan(real)) return 0;
    return static_cast<int64_t>(std::clamp(real, -2147483648.0, 2147483647.0));
  }

  auto dequantize(Index const& at) const -> int64_t {
    auto const scale = std::bit_cast<float>(op_.params<proto::ScaleParams>().scale_bits);
    double const real = static_cast<double>(scale) * static_cast<double>(number(0, place(at)));
    return std::bit_cast<int32_t>(static_cast<float>(real));
  }

  auto pad(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::PadParams>();
    int64_t i = 0;
    for (uint32_t d = 0; d < output_.rank; ++d) {
      int64_t const inner = at[4 - output_.rank + d] - p.before[d];
      if (inner < 0 || inner >= inputs_[0].shape[d]) return p.value;
      i = i * inputs_[0].shape[d] + inner;
    }
    return stored(0, i);
  }

  auto rearrange(Index const& at) const -> int64_t {
    int64_t from = 0;
    int64_t table = 0;
    for (uint32_t d = 0; d < output_.rank; ++d) {
      int64_t const offset = stored(1, table + at[4 - output_.rank + d]);
      if (offset < 0) return op_.params<proto::RearrangeParams>().filler;
      from += offset;
      table += output_.shape[d];
    }
    return stored(0, from);
  }

  auto concatenation(Index const& at) const -> int64_t {
    int64_t const outer = op_.params<proto::ConcatenationParams>().outer;
    int64_t const width = output_.elements / outer;
    int64_t const row = place(at) / width;
    int64_t column = place(at) % width;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      int64_t const own = inputs_[i].elements / outer;
      if (column < own) return stored(i, row * own + column);
      column -= own;
    }
    return 0;
  }

  auto gather(Index const& at) const -> int64_t {
    auto const p = op_.params<proto::GatherParams>();
    auto const& in = inputs_[0];
    int64_t batches = 1;
    int64_t inner = 1;
    for (uint32_t d = 0; d < in.rank; ++d)
      (d < static_cast<uint32_t>(p.batch_dimensions) ? batches : inner) *=
          d <= static_cast<uint32_t>(p.axis) && d >= static_cast<uint32_t>(p.batch_dimensions)
              ? 1
              : int64_t{in.shape[d]};
    int64_t const extent = in.shape[static_cast<uint32_t>(p.axis)];
    int64_t const chosen = inputs_[1].elements / batches;
    int64_t const outer = in.elements / (batches * extent * inner);
    int64_t const i = place(at);
    int64_t const row = i / (chosen * inner);  // of all batches and outer dimensions
    int64_t const index = stored(1, row / outer * chosen + i / inner % chosen);
    return stored(0,
                  (row * extent + std::clamp<int64_t>(index, 0, extent - 1)) * inner + i % inner);
  }
};

}  // namespace

auto plain_values(proto::ModelView const& model, ByteView input) -> Bytes {
  return PlainValues(model, input).run();
}

}  // namespace godwit::engine
