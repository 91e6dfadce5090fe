// Grouped convolutions: each filter sees the channels of its own group. Where a group is a single
// channel this is a depthwise convolution, else one convolution for each group.
#include "compiler/lower/matrix.h"
#include "compiler/lower/rearrange.h"

namespace godwit::compiler {

namespace {

/// Of a constant by output channel, those of `count` channels from `first` on.
auto part_of(proto::TensorSpec const& whole, uint32_t first, uint32_t count) -> proto::TensorSpec {
  size_t const bytes = whole.data->size() / whole.shape[0];
  auto const begin = whole.data->begin() + static_cast<ptrdiff_t>(first * bytes);
  proto::TensorSpec part{.name = whole.name,
                         .type = whole.type,
                         .shape = whole.shape,
                         .scales = whole.scales,
                         .zero_point = whole.zero_point,
                         .data = Bytes(begin, begin + static_cast<ptrdiff_t>(count * bytes))};
  part.shape[0] = count;
  if (whole.scales.size() > 1)
    part.scales.assign(whole.scales.begin() + first, whole.scales.begin() + first + count);
  return part;
}

/// From a filter after the other to the channels of each tap side by side.
auto depthwise_weights(proto::TensorSpec weights) -> proto::TensorSpec {
  uint32_t const channels = weights.shape[0];
  size_t const taps = weights.data->size() / channels;
  Bytes data(weights.data->size());
  for (size_t c = 0; c < channels; ++c)
    for (size_t tap = 0; tap < taps; ++tap)
      data[tap * channels + c] = (*weights.data)[c * taps + tap];
  weights.shape = {1, weights.shape[1], weights.shape[2], channels};
  if (weights.scales.size() > 1) weights.scale_axis = 3;
  weights.data = std::move(data);
  return weights;
}

}  // namespace

auto finish_groups(Lowering& lowering, MatrixConstants constants, proto::ConvParams const& params)
    -> Result<> {
  TRY(auto const* output, lowering.output(0, whole_types()));
  TRY(auto const* input, lowering.activation(0, {output->type}));
  TRY(auto const value, lowering.value(0));
  uint32_t const channels = constants[0].shape[0];
  uint32_t const depth = constants[0].shape[3];
  uint32_t const groups = input->shape[3] / depth;
  if (input->shape[3] % depth != 0 || channels % groups != 0 || output->shape[3] != channels)
    return lowering.fail(1, "does not divide the channels into equal groups");
  auto const words = proto::param_words(params);
  if (depth == 1) {
    constants[0] = depthwise_weights(std::move(constants[0]));
    return lowering.finish({proto::Opcode::depthwise_conv_2d,
                            add_matrix_constants(lowering, value, std::move(constants)),
                            {},
                            words});
  }
  uint64_t const moves_each = uint64_t{input->shape[0]} + input->shape[1] + input->shape[2] + depth;
  if (groups * moves_each > kMovedMax) return lowering.fail(1, "has too many groups");
  uint32_t const each = channels / groups;
  auto const strides = strides_of(input->shape);
  std::vector<uint32_t> parts;
  for (uint32_t group = 0; group < groups; ++group) {
    Moves moves;
    for (size_t d = 0; d < 3; ++d) moves.push_back(steps(input->shape[d], 0, 1, strides[d]));
    moves.push_back(steps(depth, int64_t{group} * depth, 1, 1));
    auto const seen = add_rearrange(lowering, value, moves, 0, *input);
    MatrixConstants own;
    for (size_t i = 0; i < own.size(); ++i) own[i] = part_of(constants[i], group * each, each);
    auto made = tensor_spec(*output);
    made.shape[3] = each;
    parts.push_back(lowering.add(
        {proto::Opcode::conv_2d, add_matrix_constants(lowering, seen, std::move(own)), {}, words},
        std::move(made)));
  }
  uint32_t const pixels = output->elements / channels;
  return finish_joined(lowering, std::move(parts), std::vector<uint32_t>(groups, pixels * each),
                       pixels, *output);
}

}  // namespace godwit::compiler
