// Files in memory, for fuzz targets: no durability, no errors but not_found.
#pragma once

#include <algorithm>
#include <map>

#include "agent/core/ports.h"

namespace godwit::agent {

class HeapMemory : public Memory {
 public:
  auto take(uint64_t size_bytes) -> Result<Plaintext> override {
    auto const size = static_cast<size_t>(size_bytes);
    return Plaintext(
        std::shared_ptr<uint8_t>(new uint8_t[size](), [](uint8_t* place) { delete[] place; }),
        size);
  }
};

class MemoryFiles : public Files {
 public:
  MemoryFiles(std::string const& name, ByteView content) {
    files_[name].assign(content.begin(), content.end());
  }
  auto size(std::string_view name) const -> Result<uint64_t> override {
    auto const found = files_.find(name);
    if (found == files_.end()) return not_found("no such file");
    return found->second.size();
  }
  auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override {
    auto const found = files_.find(name);
    if (found == files_.end()) return not_found("no such file");
    auto const begin = std::min<uint64_t>(offset, found->second.size());
    auto const end = std::min<uint64_t>(found->second.size() - begin, size_max) + begin;
    return Bytes(found->second.begin() + static_cast<ptrdiff_t>(begin),
                 found->second.begin() + static_cast<ptrdiff_t>(end));
  }
  auto map(std::string_view name) const -> Result<Plaintext> override {
    TRY(auto const content, read(name, 0, UINT64_MAX));
    TRY(auto plain, HeapMemory().take(content.size()));
    std::copy(content.begin(), content.end(), plain.bytes().begin());
    return plain;
  }
  auto write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> override {
    auto& file = files_[std::string(name)];
    if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<ptrdiff_t>(offset));
    return {};
  }
  auto truncate(std::string_view name, uint64_t size) -> Result<> override {
    files_[std::string(name)].resize(size);
    return {};
  }
  auto sync(std::string_view) -> Result<> override { return {}; }
  auto rename(std::string_view from, std::string_view to) -> Result<> override {
    auto content = std::move(files_[std::string(from)]);
    files_.erase(std::string(from));
    files_[std::string(to)] = std::move(content);
    return {};
  }
  auto remove(std::string_view name) -> Result<> override {
    if (auto const found = files_.find(name); found != files_.end()) files_.erase(found);
    return {};
  }
  auto sync_folder() -> Result<> override { return {}; }

 private:
  std::map<std::string, Bytes, std::less<>> files_;
};

}  // namespace godwit::agent
