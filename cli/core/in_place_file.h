// A file that is rewritten where it lies, with FILE.scratch for the block under way and
// FILE.journal, from which the next run finishes what a killed one began.
#pragma once

#include <string>

#include "proto/format/in_place.h"

namespace godwit::cli {

class InPlaceFile final : public proto::InPlaceStore {
 public:
  /// `not_found` without that file, `conflict` when another program rewrites it.
  static auto open(std::string const& path) -> Result<InPlaceFile>;
  InPlaceFile(InPlaceFile&& other) noexcept;
  auto operator=(InPlaceFile&&) -> InPlaceFile& = delete;
  ~InPlaceFile() override;

  auto size() -> Result<uint64_t> override;
  auto read(uint64_t offset, std::span<uint8_t> out) -> Result<> override;
  auto write(uint64_t offset, ByteView bytes) -> Result<> override;
  auto resize(uint64_t bytes) -> Result<> override;
  auto write_scratch(ByteView bytes) -> Result<> override;
  auto read_scratch(std::span<uint8_t> out) -> Result<> override;
  auto write_journal(ByteView record) -> Result<> override;
  auto read_journal() -> Result<Bytes> override;

  /// The file is what it should be: scratch area and journal go.
  auto finish() -> Result<>;

 private:
  InPlaceFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  auto scratch() const -> std::string { return path_ + ".scratch"; }
  auto journal() const -> std::string { return path_ + ".journal"; }
  auto open_scratch() -> Result<>;

  std::string path_;
  int file_;
  int scratch_ = -1;
};

}  // namespace godwit::cli
