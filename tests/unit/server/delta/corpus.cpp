#include "tests/unit/server/delta/corpus.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include "proto/format/container.h"

namespace godwit::delta {
namespace {

constexpr size_t kBlock = proto::kBlockBytesMax;

auto random_bytes(size_t count, std::mt19937& random) -> Bytes {
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

/// Changes one byte in `spacing`, as fine-tuning does with weights.
auto changed(Bytes bytes, size_t spacing, std::mt19937& random) -> Bytes {
  for (size_t at = spacing / 2; at < bytes.size(); at += spacing)
    bytes[at] = static_cast<uint8_t>(bytes[at] + 1 + random() % 3);
  return bytes;
}

void add_kinds(std::vector<Pair>& pairs, size_t size, std::mt19937& random) {
  auto const name = std::to_string(size) + " bytes ";
  auto const base = random_bytes(size, random);
  auto const other = random_bytes(size, random);
  pairs.push_back({name + "identical", base, base});
  pairs.push_back({name + "disjoint", base, other});
  pairs.push_back({name + "everywhere changed", base, changed(base, 3, random)});
  pairs.push_back({name + "here and there changed", base, changed(base, 1000, random)});
  pairs.push_back({name + "reversed", base, Bytes(base.rbegin(), base.rend())});
  Bytes moved = base;
  std::rotate(moved.begin(), moved.begin() + static_cast<ptrdiff_t>(size / 3), moved.end());
  pairs.push_back({name + "rotated", base, moved});
  pairs.push_back({name + "from nothing", {}, base});
  pairs.push_back({name + "to nothing", base, {}});
}

auto read(std::string const& path) -> Bytes {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

auto made_pairs() -> std::vector<Pair> {
  std::mt19937 random(7);
  std::vector<Pair> pairs = {{"nothing", {}, {}}};
  for (size_t const size : {1, 2, 17, 1000, 20'000}) add_kinds(pairs, size, random);
  for (size_t const size : {kBlock - 1, kBlock, kBlock + 1, 2 * kBlock + 1}) {
    auto const large = random_bytes(size, random);
    pairs.push_back({std::to_string(size) + " bytes", large, changed(large, 1000, random)});
  }

  auto const base = random_bytes(50'000, random);
  Bytes inserted = base;
  inserted.insert(inserted.begin() + 20'000, 777, uint8_t{42});
  pairs.push_back({"insertion", base, inserted});
  pairs.push_back({"deletion", inserted, base});
  pairs.push_back({"the old file twice", base, base});
  pairs.back().new_file.insert(pairs.back().new_file.end(), base.begin(), base.end());
  // Repetition is what makes careless matchers quadratic.
  Bytes const zeros(2 * kBlock);
  pairs.push_back({"zeros", zeros, Bytes(kBlock + 3)});
  pairs.push_back({"zeros with specks", zeros, changed(zeros, 50'000, random)});
  pairs.push_back({"specks to zeros", changed(zeros, 50'000, random), zeros});
  Bytes period(kBlock);
  for (size_t i = 0; i < period.size(); ++i) period[i] = static_cast<uint8_t>(i % 7);
  pairs.push_back({"a short period", period, Bytes(period.begin() + 3, period.end())});
  return pairs;
}

auto history_pairs() -> std::vector<Pair> {
  std::vector<Pair> pairs;
  for (auto const& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"ic-1", "ic-2"},
                                                        {"ic-2", "ic-3"},
                                                        {"ic-3", "ic-4"},
                                                        {"ic-2", "ic-4"},
                                                        {"vww-1", "vww-2"},
                                                        {"sww-1", "sww-2"}}) {
    std::string const folder = GODWIT_TEST_DATA "/models/";
    Pair pair{from + " to " + to, read(folder + from + ".tflite"), read(folder + to + ".tflite")};
    CHECK(!pair.old_file.empty() && !pair.new_file.empty());
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace godwit::delta
