#include "server/delta/tables/left_to_search.h"

#include <algorithm>
#include <bitset>
#include <unordered_map>

#include "server/delta/tables/similarity.h"

namespace godwit::delta {
namespace {

/// A segment of its own costs about as much as so many bytes.
constexpr uint64_t kBytesMin = 64;
/// Runs are looked for at so many places of a tensor...
constexpr uint64_t kPlaces = 128;
constexpr size_t kRunBytes = 16;
/// Dead channels hold zeros and numbers near them, which any file has: such runs say nothing. Of
/// integers less does, for those of biases are short.
constexpr size_t kDifferentMin = 6;
constexpr size_t kDifferentMinIntegers = 3;
/// ... and one in so many must be found: even then they say more than a model of weights does.
constexpr uint32_t kFoundShare = 6;
/// Tensors that lie this near to what they are predicted from stay with it.
constexpr double kAlike = 0.5;
constexpr size_t kSamples = 1024;

/// Of the bytes of a run, each by its place: can be moved along by one byte.
constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
auto hash_of(ByteView run) -> uint64_t {
  uint64_t hash = 0;
  for (uint8_t const byte : run) hash = hash * kFactor + byte + 1;
  return hash;
}
constexpr auto power_of_factor() -> uint64_t {
  uint64_t power = 1;
  for (size_t i = 0; i < kRunBytes; ++i) power *= kFactor;
  return power;
}

auto different_bytes(ByteView run) -> size_t {
  std::bitset<256> seen;
  for (uint8_t const byte : run) seen.set(byte);
  return seen.count();
}

class RunFinder {
 public:
  explicit RunFinder(size_t tensors) : found_(tensors), looked_for_(tensors) {}

  void look_for(size_t tensor, ByteView bytes, size_t different_min) {
    if (bytes.size() < kRunBytes) return;
    for (uint64_t i = 0; i < kPlaces; ++i) {
      auto const at = static_cast<size_t>((bytes.size() - kRunBytes) * i / (kPlaces - 1));
      auto const run = bytes.subspan(at, kRunBytes);
      if (different_bytes(run) < different_min) continue;
      uint64_t const hash = hash_of(run);
      filter_[hash >> kFilterShift] = true;
      wanted_[hash].push_back(tensor);
      ++looked_for_[tensor];
    }
  }

  void search(ByteView file, Pages& pages) {
    uint64_t hash = 0;  // of the last bytes, and nothing before the first
    for (size_t i = 0; i < file.size() && !wanted_.empty(); ++i) {
      hash = hash * kFactor + file[i] + 1;
      if (i >= kRunBytes) hash -= kPower * (file[i - kRunBytes] + uint64_t{1});
      if (i + 1 >= kRunBytes && filter_[hash >> kFilterShift]) note(hash);
      if (i % kPageBytes == 0) pages.read(kPageBytes);
    }
  }

  auto is_found(size_t tensor) const -> bool {
    return found_[tensor] * kFoundShare >= looked_for_[tensor] && found_[tensor] > 1;
  }

 private:
  static constexpr uint64_t kPower = power_of_factor();
  static constexpr uint32_t kFilterShift = 64 - 18;
  static constexpr size_t kPageBytes = 64u << 10;

  void note(uint64_t hash) {
    auto const wanted = wanted_.find(hash);
    if (wanted == wanted_.end()) return;
    for (size_t const tensor : wanted->second) ++found_[tensor];
    wanted_.erase(wanted);
  }

  std::vector<bool> filter_ = std::vector<bool>(size_t{1} << 18);
  std::unordered_map<uint64_t, std::vector<size_t>> wanted_;
  std::vector<uint32_t> found_;
  std::vector<uint32_t> looked_for_;
};

auto view_of(ByteView file, TensorSpan const& tensor) -> ByteView {
  return file.subspan(static_cast<size_t>(tensor.offset), static_cast<size_t>(size_bytes(tensor)));
}

auto is_alike(ByteView old_file, ByteView new_file, TensorPair const& pair, Pages& pages) -> bool {
  if (!pair.from) return false;
  return correlation(sample_weights(old_file, *pair.from, kSamples, &pages),
                     sample_weights(new_file, pair.to, kSamples, &pages)) > kAlike;
}

}  // namespace

auto without_searched(ByteView old_file, ByteView new_file, std::vector<TensorPair> pairs,
                      Pages& pages) -> std::vector<TensorPair> {
  std::erase_if(pairs, [](TensorPair const& pair) { return size_bytes(pair.to) < kBytesMin; });
  RunFinder finder(pairs.size());
  std::vector<TensorSpan> taken;  // of the old file, which stays with what resembles it
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (is_alike(old_file, new_file, pairs[i], pages))
      taken.push_back(*pairs[i].from);
    else
      finder.look_for(
          i, view_of(new_file, pairs[i].to),
          pairs[i].to.type == ElementType::int32 ? kDifferentMinIntegers : kDifferentMin);
  }
  std::ranges::sort(taken, {}, &TensorSpan::offset);
  uint64_t at = 0;
  for (TensorSpan const& tensor : taken) {
    if (tensor.offset > at) finder.search(old_file.subspan(at, tensor.offset - at), pages);
    at = std::max(at, tensor.offset + size_bytes(tensor));
  }
  finder.search(old_file.subspan(at), pages);
  std::vector<TensorPair> left;
  for (size_t i = 0; i < pairs.size(); ++i)
    if (!finder.is_found(i)) left.push_back(std::move(pairs[i]));
  return left;
}

}  // namespace godwit::delta
