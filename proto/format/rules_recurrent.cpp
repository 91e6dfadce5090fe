// The rules of operators that remember: SVDF and the LSTM.
#include "proto/format/operator_rules.h"

namespace godwit::proto::rules {

namespace {

auto is_weights(Tensor const& tensor, uint32_t elements) -> bool {
  return is_constant(tensor, TensorType::int8, elements) && tensor.zero_point == 0;
}

auto is_matrix(Tensor const& tensor) -> bool {
  return tensor.rank == 2;
}

}  // namespace

auto check_svdf(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const feature = input_of(model, op, 1);
  auto const time = input_of(model, op, 2);
  auto const bias = input_of(model, op, 3);
  auto const state = input_of(model, op, 4);
  auto const output = output_of(model, op);
  auto const p = op.params<SvdfParams>();
  if (!all_are(model, op, TensorType::int8)) return kNotInt8;
  if (!is_matrix(input) || !is_matrix(feature) || !is_matrix(time) || !is_matrix(output))
    return "a tensor is not of rank 2";
  if (state.type != time.type || (time.type != TensorType::int8 && time.type != TensorType::int16))
    return "state and time weights are not both int8 or both int16";
  uint32_t const batches = input.shape[0];
  uint32_t const filters = feature.shape[0];
  uint32_t const memory = time.shape[1];
  if (!within(p.rank, 1, static_cast<int32_t>(filters)) ||
      filters % static_cast<uint32_t>(p.rank) != 0)
    return "rank does not divide the filters";
  uint32_t const units = filters / static_cast<uint32_t>(p.rank);
  bool const fits = is_weights(feature, feature.elements) && feature.shape[1] == input.shape[1] &&
                    time.place == Place::constant && time.shape[0] == filters &&
                    is_constant(bias, TensorType::int32, units) && output.shape[0] == batches &&
                    output.shape[1] == units &&
                    uint64_t{batches} * filters * memory == state.elements;
  if (!fits) return kMisfit;
  return good(p.feature) && good(p.output) ? kGood : kMultiplierRange;
}

auto check_lstm(ModelView const& model, Operator const& op) -> Fault {
  auto const input = input_of(model, op, 0);
  auto const output = output_of(model, op);
  auto const hidden = input_of(model, op, 4);
  auto const cell = input_of(model, op, 5);
  auto const p = op.params<LstmParams>();
  bool const wide = output.type == TensorType::int16;
  if (!all_are_whole(model, op) || hidden.type != output.type || cell.type != TensorType::int16)
    return "activations and hidden state are not int8 or int16, or the cell state is not int16";
  // Two weights of four bits lie in each byte, so that rows are whole bytes.
  bool const halves = op.code() == Opcode::lstm_4;
  if (halves && wide) return "weights of four bits are not for int8";
  if (wide && (input.zero_point || hidden.zero_point)) return "int16 has a zero point";
  if (input.rank != 3 || output.rank != 3) return "a tensor is not of rank 3";
  if (p.time_major != 0 && p.time_major != 1) return "time_major is no boolean";
  uint32_t const units = output.shape[2];
  uint32_t const batches = input.shape[p.time_major ? 1 : 0];
  bool const fits = input.shape[0] == output.shape[0] && input.shape[1] == output.shape[1] &&
                    uint64_t{batches} * units == hidden.elements &&
                    hidden.elements == cell.elements;
  if (!fits) return kMisfit;
  auto const four_gates = [&](Tensor const& weights, uint32_t depth) {
    return weights.rank == 3 && weights.shape[0] == 4 && weights.shape[1] == units &&
           weights.shape[2] * (halves ? 2 : 1) == depth && is_weights(weights, weights.elements);
  };
  auto const bias = input_of(model, op, 3);
  if (!four_gates(input_of(model, op, 1), input.shape[2]) ||
      !four_gates(input_of(model, op, 2), units) ||
      !(wide ? is_wide_bias(model, bias, 4 * units)
             : is_constant(bias, TensorType::int32, 4 * units)))
    return "weights or bias do not fit the gates";
  if (wide && std::max(input.shape[2], units) > kWideProductsMax) return "sums too many products";
  auto const all_good = [&](std::array<Multiplier, 4> const& multipliers) {
    return std::all_of(multipliers.begin(), multipliers.end(),
                       [&](auto m) { return good(m) && (!wide || m.shift <= kWideShiftMax); });
  };
  if (!all_good(p.input) || !all_good(p.recurrent) || !good(p.forget) || !good(p.update) ||
      !good(p.output))
    return kMultiplierRange;
  // The cell state times the multiplier, and what is added to round it, fit int32.
  if (!within(p.tanh_multiplier, 0, 3 << 13) || !within(p.tanh_shift, 0, 29) ||
      !within(p.cell_clip, 0, 32767) || !within(p.cell_activation, 0, 1))
    return "a parameter is out of range";
  return kGood;
}

}  // namespace godwit::proto::rules
