#include "server/delta/tables/pairing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "server/delta/tables/row_alignment.h"
#include "server/delta/tables/similarity.h"

namespace godwit::delta {
namespace {

constexpr size_t kSamples = 1024;
/// Past this many candidates of one shape, names and order alone decide.
constexpr size_t kComparedMax = 256;
/// A name weighs more than a likeness that small samples show by chance.
constexpr double kNameGain = 0.2;
constexpr double kNameGainSmall = 1.0;
constexpr uint64_t kSmallElements = 256;
/// Of two that are as good, the one at the same place.
constexpr double kPlaceGain = 0.01;

using Indices = std::vector<size_t>;

struct Candidate {
  double score = 0;
  size_t from = 0;  // positions in the two lists
  size_t to = 0;
};

class Pairing {
 public:
  Pairing(TabledFile const& from, TabledFile const& to)
      : from_(from), to_(to), source_(to.table.tensors.size()), used_(from.table.tensors.size()) {}

  auto run() && -> std::vector<TensorPair> {
    pair_within([](FileTensor const& t) { return std::tuple(t.type, t.rows(), t.columns()); });
    pair_within([](FileTensor const& t) { return std::tuple(t.type, uint64_t{0}, t.columns()); });
    pair_within([](FileTensor const& t) { return std::tuple(t.type, uint64_t{0}, t.elements()); });
    std::vector<TensorPair> pairs;
    for (size_t i = 0; i < source_.size(); ++i) add_pairs(pairs, i);
    return pairs;
  }

 private:
  /// Pairs what is left and alike in `key`, which is the coarser the later it comes.
  template <typename Key>
  void pair_within(Key key) {
    std::map<decltype(key(to_.table.tensors.front())), std::pair<Indices, Indices>> groups;
    for (size_t i = 0; i < used_.size(); ++i)
      if (!used_[i]) groups[key(from_.table.tensors[i])].first.push_back(i);
    for (size_t i = 0; i < source_.size(); ++i)
      if (!source_[i]) groups[key(to_.table.tensors[i])].second.push_back(i);
    for (auto const& [unused, group] : groups)
      if (!group.first.empty() && !group.second.empty()) pair_group(group.first, group.second);
  }

  void pair_group(Indices const& from, Indices const& to) {
    std::vector<Candidate> candidates;
    if (from.size() * to.size() <= kComparedMax * kComparedMax)
      candidates = compare(from, to);
    else
      candidates = by_name_or_place(from, to);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](Candidate const& a, Candidate const& b) { return a.score > b.score; });
    for (auto const& candidate : candidates) {
      size_t const i = from[candidate.from];
      size_t const k = to[candidate.to];
      if (used_[i] || source_[k]) continue;
      used_[i] = true;
      source_[k] = i;
    }
  }

  auto compare(Indices const& from, Indices const& to) const -> std::vector<Candidate> {
    std::vector<std::vector<float>> old_samples;
    for (size_t const i : from) old_samples.push_back(samples_of(from_, i));
    std::vector<Candidate> candidates;
    for (size_t k = 0; k < to.size(); ++k) {
      auto const& tensor = to_.table.tensors[to[k]];
      auto const samples = samples_of(to_, to[k]);
      for (size_t i = 0; i < from.size(); ++i) {
        double score = correlation(old_samples[i], samples);
        if (from_.table.tensors[from[i]].name == tensor.name)
          score += tensor.elements() < kSmallElements ? kNameGainSmall : kNameGain;
        if (i == k) score += kPlaceGain;
        candidates.push_back({.score = score, .from = i, .to = k});
      }
    }
    return candidates;
  }

  static auto samples_of(TabledFile const& file, size_t index) -> std::vector<float> {
    auto const span = file.table.tensors[index].span();
    return sample_weights(file.bytes, span, kSamples, &file.pages);
  }

  auto by_name_or_place(Indices const& from, Indices const& to) const -> std::vector<Candidate> {
    std::map<std::string_view, size_t> names;
    for (size_t i = 0; i < from.size(); ++i) names[from_.table.tensors[from[i]].name] = i;
    std::vector<Candidate> candidates;
    for (size_t k = 0; k < to.size(); ++k) {
      auto const named = names.find(to_.table.tensors[to[k]].name);
      if (named != names.end())
        candidates.push_back({.score = kNameGain, .from = named->second, .to = k});
      if (k < from.size()) candidates.push_back({.score = kPlaceGain, .from = k, .to = k});
    }
    return candidates;
  }

  void add_pairs(std::vector<TensorPair>& pairs, size_t index) const {
    auto const to = to_.table.tensors[index].span();
    if (!source_[index]) {
      pairs.push_back({.to = to});
      return;
    }
    auto from = from_.table.tensors[*source_[index]].span();
    if (from.cols == to.cols && from.rows != to.rows) {
      for (auto& pair : align_rows(from_.bytes, from, to_.bytes, to))
        pairs.push_back(std::move(pair));
      return;
    }
    if (from.cols != to.cols) {  // as many weights in another shape: rows no longer share scales
      from.rows = to.rows;
      from.cols = to.cols;
      if (from.scales && from.scales->count != 1) from.scales.reset();
    }
    pairs.push_back({.to = to, .from = std::move(from)});
  }

  TabledFile const& from_;
  TabledFile const& to_;
  std::vector<std::optional<size_t>> source_;  // of each new tensor, the old one
  std::vector<bool> used_;                     // old tensors
};

}  // namespace

auto pair_tensors(TabledFile const& from, TabledFile const& to) -> std::vector<TensorPair> {
  return Pairing(from, to).run();
}

}  // namespace godwit::delta
