// DETECTION_POSTPROCESS: from box encodings and class scores to the boxes of an image, by
// suppression of those that overlap a better one (docs/engine.md, "Detections"). Scores are
// compared as the bytes they are. Nothing here may be contracted to fused operations.
#include <algorithm>
#include <bit>
#include <cstring>

#include "agent/engine/operators/operators.h"

namespace godwit::engine {

namespace {

struct Box {
  float top, left, bottom, right;

  auto area() const -> float { return (bottom - top) * (right - left); }
};

auto overlap(Box const& a, Box const& b) -> float {
  float const area_a = a.area();
  float const area_b = b.area();
  if (!(area_a > 0) || !(area_b > 0)) return 0;
  float const height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  float const width = std::min(a.right, b.right) - std::max(a.left, b.left);
  float const shared = std::max(height, 0.0f) * std::max(width, 0.0f);
  return shared / (area_a + area_b - shared);
}

struct Found {
  int32_t box;
  int32_t label;
  uint8_t score;
};

/// What a run works with, in the scratch memory.
struct Detection {
  Step const& step;
  proto::DetectionParams params;
  int32_t count;    // of boxes
  int32_t columns;  // of scores, perhaps with one for the background, the first
  uint8_t flip;     // makes bytes of scores comparable without a sign
  Box* boxes = nullptr;
  Found* found = nullptr;       // the best so far, best first
  int32_t* order = nullptr;     // boxes that are good enough, best first
  uint8_t* scores = nullptr;    // of the class that is looked at
  uint8_t* labels = nullptr;    // the best class of each box
  uint8_t* standing = nullptr;  // of `order`: not suppressed yet

  static auto of(Step const& step, void* scratch) -> Detection {
    auto const p = step.op.params<proto::DetectionParams>();
    auto const& shape = step.inputs[1].shape;
    bool const is_signed = step.inputs[1].type == proto::TensorType::int8;
    Detection d{.step = step,
                .params = p,
                .count = shape[1],
                .columns = shape[2],
                .flip = static_cast<uint8_t>(is_signed ? 0x80 : 0)};
    auto const boxes = static_cast<size_t>(d.count);
    d.boxes = static_cast<Box*>(scratch);
    d.found = reinterpret_cast<Found*>(d.boxes + boxes);
    d.order = reinterpret_cast<int32_t*>(d.found + p.detections_max);
    d.scores = reinterpret_cast<uint8_t*>(d.order + boxes);
    d.labels = d.scores + boxes;
    d.standing = d.labels + boxes;
    return d;
  }

  /// One of four coordinates: a table holds what each byte stands for.
  auto coordinate(int32_t box, size_t axis) const -> double {
    auto const& encodings = step.inputs[0];
    auto const byte =
        encodings.data[ptrdiff_t{box} * encodings.shape[2] + static_cast<ptrdiff_t>(axis)];
    return std::bit_cast<double>(step.inputs[3].constant<int64_t>(256 * axis + byte));
  }
  auto anchor(int32_t box, size_t axis) const -> double {
    auto const at = 4 * static_cast<size_t>(box) + axis;
    return static_cast<double>(std::bit_cast<float>(step.inputs[2].constant<int32_t>(at)));
  }

  void decode() const {
    for (int32_t i = 0; i < count; ++i) {
      double const height = anchor(i, 2);
      double const width = anchor(i, 3);
      auto const y = static_cast<float>(coordinate(i, 0) * height + anchor(i, 0));
      auto const x = static_cast<float>(coordinate(i, 1) * width + anchor(i, 1));
      auto const half_height = static_cast<float>(coordinate(i, 2) * height);
      auto const half_width = static_cast<float>(coordinate(i, 3) * width);
      boxes[i] = {y - half_height, x - half_width, y + half_height, x + half_width};
    }
  }

  auto score(int32_t box, int32_t label) const -> uint8_t {
    int32_t const column = label + columns - params.classes;
    return static_cast<uint8_t>(step.inputs[1].data[ptrdiff_t{box} * columns + column] ^ flip);
  }

  /// Fills `order`: a stable sort by counting.
  auto sort() const -> int32_t {
    int32_t starts[257] = {};
    for (int32_t i = 0; i < count; ++i)
      if (scores[i] >= params.score_min) ++starts[256 - scores[i]];
    for (int32_t k = 1; k < 257; ++k) starts[k] += starts[k - 1];
    int32_t const kept = starts[256];
    for (int32_t i = 0; i < count; ++i)
      if (scores[i] >= params.score_min) order[starts[255 - scores[i]]++] = i;
    return kept;
  }

  /// Calls `take` with up to `most` boxes of `scores`, best first, that overlap no better one.
  template <typename Take>
  void suppress(int32_t most, Take take) const {
    auto const limit = std::bit_cast<float>(params.overlap_bits);
    int32_t const kept = sort();
    std::fill_n(standing, kept, uint8_t{1});
    for (int32_t i = 0; i < kept && most > 0; ++i) {
      if (!standing[i]) continue;
      take(order[i]);
      --most;
      for (int32_t j = i + 1; j < kept; ++j)
        if (standing[j] && overlap(boxes[order[i]], boxes[order[j]]) > limit) standing[j] = 0;
    }
  }

  /// Each class by itself; the best of all are kept. Of equal scores the first found wins.
  auto by_class() const -> int32_t {
    int32_t size = 0;
    for (int32_t label = 0; label < params.classes; ++label) {
      for (int32_t i = 0; i < count; ++i) scores[i] = score(i, label);
      suppress(params.detections_per_class, [&](int32_t box) {
        int32_t at = size;
        while (at > 0 && found[at - 1].score < scores[box]) --at;
        if (at == params.detections_max) return;
        size = std::min(size + 1, params.detections_max);
        for (int32_t k = size - 1; k > at; --k) found[k] = found[k - 1];
        found[at] = {box, label, scores[box]};
      });
    }
    return size;
  }

  /// All at once, each box as its best class.
  auto by_box() const -> int32_t {
    for (int32_t i = 0; i < count; ++i) {
      labels[i] = 0;
      scores[i] = score(i, 0);
      for (int32_t label = 1; label < params.classes; ++label) {
        if (score(i, label) <= scores[i]) continue;
        scores[i] = score(i, label);
        labels[i] = static_cast<uint8_t>(label);
      }
    }
    int32_t size = 0;
    suppress(params.detections_max, [&](int32_t box) {
      found[size++] = {box, labels[box], scores[box]};
    });
    return size;
  }

  void write(int32_t size) const {
    for (auto const& output : step.outputs) std::memset(output.data, 0, output.size_bytes);
    auto const put = [&](size_t output, int32_t at, float value) {
      step.outputs[output].int32()[at] = std::bit_cast<int32_t>(value);
    };
    for (int32_t i = 0; i < size; ++i) {
      auto const& box = boxes[found[i].box];
      float const sides[] = {box.top, box.left, box.bottom, box.right};
      for (int32_t k = 0; k < 4; ++k) put(0, 4 * i + k, sides[k]);
      put(1, i, static_cast<float>(found[i].label));
      auto const byte = static_cast<size_t>(found[i].score ^ flip);
      step.outputs[2].int32()[i] = step.inputs[4].constant<int32_t>(byte);
    }
    put(3, 0, static_cast<float>(size));
  }
};

}  // namespace

auto detection_scratch(Step const& step) -> uint64_t {
  auto const boxes = static_cast<uint64_t>(step.inputs[1].shape[1]);
  auto const found = static_cast<uint64_t>(step.op.params<proto::DetectionParams>().detections_max);
  return boxes * (sizeof(Box) + sizeof(int32_t) + 3) + found * sizeof(Found);
}

void detection_postprocess(Step const& step, void* scratch) {
  auto const detection = Detection::of(step, scratch);
  detection.decode();
  detection.write(detection.params.by_class ? detection.by_class() : detection.by_box());
}

}  // namespace godwit::engine
