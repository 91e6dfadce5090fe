#include "tests/powercut/sim/sim_files.h"

#include <algorithm>

namespace godwit::agent::sim {

auto SimMemory::take(uint64_t size_bytes) -> Result<Plaintext> {
  auto const size = static_cast<size_t>(size_bytes);
  return Plaintext(
      std::shared_ptr<uint8_t>(new uint8_t[size](), [](uint8_t* place) { delete[] place; }), size);
}

auto to_string(Loss loss) -> char const* {
  switch (loss) {
    case Loss::all:
      return "all lost";
    case Loss::none:
      return "nothing lost";
    case Loss::torn:
      return "torn";
    case Loss::names_kept:
      return "names kept";
  }
  return "?";
}

namespace {

/// The length came first, the new bytes only half of the way; others were not touched.
void tear(Bytes& now, Bytes const& durable) {
  auto const both = std::min(durable.size(), now.size());
  auto begin = static_cast<size_t>(
      std::mismatch(now.begin(), now.begin() + static_cast<ptrdiff_t>(both), durable.begin())
          .first -
      now.begin());
  auto end = now.size();
  while (durable.size() == now.size() && end > begin && now[end - 1] == durable[end - 1]) --end;
  std::fill(now.begin() + static_cast<ptrdiff_t>(begin + (end - begin) / 2),
            now.begin() + static_cast<ptrdiff_t>(end), uint8_t{0});
}

}  // namespace

void SimFiles::power_off(Loss loss) {
  powered_ = false;
  if (loss == Loss::all)
    names_ = durable_names_;
  else
    durable_names_ = names_;
  for (auto& file : files_) {
    if (loss == Loss::none) {
      file.durable = file.now;
    } else if (loss == Loss::torn && file.now != file.durable) {
      tear(file.now, file.durable);
      file.durable = file.now;
    } else {
      file.now = file.durable;
    }
  }
}

auto SimFiles::find(std::string_view name) const -> Result<size_t> {
  if (!powered_) return internal("no power");
  auto const found = names_.find(name);
  if (found == names_.end()) return not_found(std::string(name));
  return found->second;
}

auto SimFiles::change(auto operation) -> Result<> {
  if (!powered_) return internal("no power");
  ++operations_;
  if (operations_ == fail_at_) return internal("input/output error");
  if (operations_ != cut_at_) return operation();
  if (loss_ != Loss::all) {
    // Whether it was still done does not matter to who asked for it: power is gone.
    if (auto done = operation(); !done) operations_ = cut_at_;
  }
  power_off(loss_);
  return internal("power was lost");
}

auto SimFiles::size(std::string_view name) const -> Result<uint64_t> {
  TRY(auto const index, find(name));
  return uint64_t{files_[index].now.size()};
}

auto SimFiles::read(std::string_view name, uint64_t offset, uint64_t size_max) const
    -> Result<Bytes> {
  TRY(auto const index, find(name));
  auto const& bytes = files_[index].now;
  auto const begin = std::min<uint64_t>(offset, bytes.size());
  auto const end = begin + std::min<uint64_t>(size_max, bytes.size() - begin);
  return Bytes(bytes.begin() + static_cast<ptrdiff_t>(begin),
               bytes.begin() + static_cast<ptrdiff_t>(end));
}

auto SimFiles::map(std::string_view name) const -> Result<Plaintext> {
  TRY(auto const bytes, read(name, 0, UINT64_MAX));
  TRY(auto plain, SimMemory().take(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), plain.bytes().begin());
  return plain;
}

auto SimFiles::write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> {
  return change([&]() -> Result<> {
    written_[std::string(name)] += bytes.size();
    auto const found = names_.find(name);
    size_t const index = found == names_.end() ? files_.size() : found->second;
    if (found == names_.end()) {
      files_.emplace_back();
      names_.emplace(name, index);
    }
    auto& now = files_[index].now;
    if (now.size() < offset + bytes.size()) now.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), now.begin() + static_cast<ptrdiff_t>(offset));
    return {};
  });
}

auto SimFiles::written_to(std::string_view prefix) const -> uint64_t {
  uint64_t sum = 0;
  for (auto const& [name, bytes] : written_)
    if (name.starts_with(prefix)) sum += bytes;
  return sum;
}

auto SimFiles::truncate(std::string_view name, uint64_t size) -> Result<> {
  return change([&]() -> Result<> {
    TRY(auto const index, find(name));
    files_[index].now.resize(size);
    return {};
  });
}

auto SimFiles::sync(std::string_view name) -> Result<> {
  return change([&]() -> Result<> {
    TRY(auto const index, find(name));
    files_[index].durable = files_[index].now;
    return {};
  });
}

auto SimFiles::rename(std::string_view from, std::string_view to) -> Result<> {
  return change([&]() -> Result<> {
    TRY(auto const index, find(from));
    names_.erase(std::string(from));
    names_.insert_or_assign(std::string(to), index);
    return {};
  });
}

auto SimFiles::remove(std::string_view name) -> Result<> {
  return change([&]() -> Result<> {
    names_.erase(std::string(name));
    return {};
  });
}

auto SimFiles::sync_folder() -> Result<> {
  return change([&]() -> Result<> {
    durable_names_ = names_;
    return {};
  });
}

auto SimFiles::hold(ByteView bytes) const -> bool {
  for (auto const& file : files_)
    for (auto const* content : {&file.durable, &file.now})
      if (std::search(content->begin(), content->end(), bytes.begin(), bytes.end()) !=
          content->end())
        return true;
  return false;
}

void SimFiles::damage(std::string_view name, size_t offset) {
  auto const found = names_.find(name);
  CHECK(found != names_.end() && offset < files_[found->second].now.size());
  files_[found->second].now[offset] ^= 0x40;
  files_[found->second].durable = files_[found->second].now;
}

}  // namespace godwit::agent::sim
