#include "compiler/requantise/float_weights.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>

#include "compiler/read/tflite.h"

namespace godwit::compiler {

namespace {

/// Of the squared length of a tensor: what two unlike tensors of one kind differ by is about 2.
constexpr double kNearlyTheSame = 0.5;
constexpr double kNoDistance = std::numeric_limits<double>::infinity();

using Shape = std::vector<uint32_t>;
/// Axis `i` of the network's tensor is axis `order[i]` of the file's.
using Order = std::vector<size_t>;

auto without_ones(Shape shape) -> Shape {
  shape.erase(std::remove(shape.begin(), shape.end(), 1u), shape.end());
  return shape;
}

auto reordered(Shape const& shape, Order const& order) -> Shape {
  Shape out;
  for (size_t const axis : order) out.push_back(shape[axis]);
  return out;
}

/// The orders in which a file may keep the axes of a tensor of that shape: as they are first.
auto possible_orders(Shape const& from, Shape const& to) -> std::vector<Order> {
  std::vector<Order> orders;
  if (without_ones(from) == without_ones(to)) orders.emplace_back();
  static Order const kKnown[] = {
      {1, 0},        // a matrix of inputs by outputs
      {0, 2, 3, 1},  // filters: output, input, height, width (PyTorch, ONNX)
      {3, 0, 1, 2},  // height, width, input, output (TensorFlow); of depthwise ones too
      {1, 2, 3, 0},  // depthwise ones of PyTorch and ONNX: channel, 1, height, width
  };
  for (auto const& order : kKnown)
    if (order.size() == from.size() && from != to && reordered(from, order) == to)
      orders.push_back(order);
  // Of a square one the shape says nothing.
  if (from == to && from.size() == 2 && from[0] == from[1]) orders.push_back({1, 0});
  return orders;
}

auto arranged(FloatTensor const& tensor, Order const& order) -> std::vector<float> {
  if (order.empty()) return tensor.values;
  size_t const rank = order.size();
  std::vector<size_t> strides(rank, 1);  // of the file's axes
  for (size_t i = rank - 1; i-- > 0;) strides[i] = strides[i + 1] * tensor.shape[i + 1];
  std::vector<float> out;
  out.reserve(tensor.values.size());
  Shape index(rank, 0);
  auto const extents = reordered(tensor.shape, order);
  for (size_t n = tensor.values.size(); n > 0; --n) {
    size_t at = 0;
    for (size_t i = 0; i < rank; ++i) at += index[i] * strides[order[i]];
    out.push_back(tensor.values[at]);
    for (size_t i = rank; i-- > 0 && ++index[i] == extents[i];) index[i] = 0;
  }
  return out;
}

/// The square of what differs, of the square of what is deployed.
auto distance(std::span<float const> deployed, std::span<float const> other) -> double {
  double apart = 0;
  double length = 0;
  for (size_t i = 0; i < deployed.size(); ++i) {
    double const value = static_cast<double>(deployed[i]);
    double const difference = value - static_cast<double>(other[i]);
    apart += difference * difference;
    length += value * value;
  }
  return length > 0 ? apart / length : kNoDistance;
}

struct Candidate {
  size_t index = 0;
  double distance = kNoDistance;
  std::vector<float> values;
};

/// As the file keeps it, unless another order of its axes is clearly what is meant; none if its
/// shape does not fit.
auto best_arrangement(FloatTensor const& deployed, FloatTensor const& tensor)
    -> std::optional<Candidate> {
  std::optional<Candidate> best;
  if (tensor.values.size() != deployed.values.size()) return best;
  for (auto const& order : possible_orders(tensor.shape, deployed.shape)) {
    Candidate candidate{.values = arranged(tensor, order)};
    candidate.distance = distance(deployed.values, candidate.values);
    if (!best || candidate.distance < best->distance / 2) best = std::move(candidate);
  }
  return best;
}

class Matching {
 public:
  Matching(std::vector<FloatTensor> const& network, std::vector<FloatTensor> const& weights)
      : network_(network), weights_(weights), used_(weights.size()), matched_(network.size()) {
    found_.values.resize(network.size());
  }

  auto run() && -> Result<MatchedWeights> {
    for (auto const find :
         {&Matching::by_name, &Matching::by_content, &Matching::by_shape, &Matching::by_twin})
      for (size_t i = 0; i < network_.size(); ++i)
        if (auto candidate = found_.values[i].empty() ? (this->*find)(i) : std::nullopt) {
          used_[candidate->index] = true;
          matched_[i] = candidate->index;
          found_.values[i] = std::move(candidate->values);
        }
    for (size_t i = 0; i < network_.size(); ++i)
      if (found_.values[i].empty() && !stays_zero(i)) return missing(network_[i]);
    for (size_t k = 0; k < weights_.size(); ++k)
      if (!used_[k]) found_.unused.push_back(weights_[k].name);
    return std::move(found_);
  }

 private:
  /// The nearest of the tensors that are left and `wanted`.
  template <typename Wanted>
  auto nearest(size_t i, Wanted wanted) const -> std::optional<Candidate> {
    std::optional<Candidate> best;
    for (size_t k = 0; k < weights_.size(); ++k) {
      if (used_[k] || !wanted(weights_[k])) continue;
      auto candidate = best_arrangement(network_[i], weights_[k]);
      if (!candidate || (best && candidate->distance >= best->distance)) continue;
      candidate->index = k;
      best = std::move(candidate);
    }
    return best;
  }

  auto by_name(size_t i) const -> std::optional<Candidate> {
    return nearest(i, [&](FloatTensor const& tensor) {
      return clean_name(tensor.name) == clean_name(network_[i].name);
    });
  }

  auto by_content(size_t i) const -> std::optional<Candidate> {
    auto best = nearest(i, [](FloatTensor const&) { return true; });
    return best && best->distance < kNearlyTheSame ? std::move(best) : std::nullopt;
  }

  auto by_shape(size_t i) const -> std::optional<Candidate> {
    auto const like = [&](FloatTensor const& tensor) {
      return without_ones(tensor.shape) == without_ones(network_[i].shape);
    };
    size_t seekers = 0;
    for (size_t k = 0; k < network_.size(); ++k)
      seekers += found_.values[k].empty() && like(network_[k]);
    size_t offers = 0;
    for (size_t k = 0; k < weights_.size(); ++k) offers += !used_[k] && like(weights_[k]);
    return seekers == 1 && offers == 1 ? nearest(i, like) : std::nullopt;
  }

  /// Files keep equal tensors once, and readers of files tell of them once.
  auto by_twin(size_t i) const -> std::optional<Candidate> {
    for (size_t k = 0; k < network_.size(); ++k)
      if (!found_.values[k].empty() && network_[k].shape == network_[i].shape &&
          network_[k].values == network_[i].values)
        return Candidate{.index = matched_[k], .values = found_.values[k]};
    return std::nullopt;
  }

  /// A bias of zeros that the file has not, nor any tensor that it might be: compiled models have
  /// one for every matrix.
  auto stays_zero(size_t i) -> bool {
    auto const& tensor = network_[i];
    bool const zero = std::all_of(tensor.values.begin(), tensor.values.end(),
                                  [](float value) { return value == 0; });
    for (size_t k = 0; k < weights_.size(); ++k)
      if (!used_[k] && without_ones(weights_[k].shape) == without_ones(tensor.shape)) return false;
    if (zero) found_.values[i] = tensor.values;
    return zero;
  }

  static auto missing(FloatTensor const& tensor) -> Error {
    std::string shape;
    for (uint32_t const extent : tensor.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    return invalid("no tensor for '" + tensor.name + "' (" + shape +
                   ") of the base: give one that name and shape; layers that were added or "
                   "removed, and batch normalisation that was not folded, cannot be followed");
  }

  std::vector<FloatTensor> const& network_;
  std::vector<FloatTensor> const& weights_;
  std::vector<bool> used_;
  std::vector<size_t> matched_;  // of those found
  MatchedWeights found_;
};

}  // namespace

auto match_weights(std::vector<FloatTensor> const& network, std::vector<FloatTensor> const& weights)
    -> Result<MatchedWeights> {
  return Matching(network, weights).run();
}

}  // namespace godwit::compiler
