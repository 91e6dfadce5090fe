// A file that grows under the name FILE.part until it is whole, with a journal beside it
// (FILE.journal) from which a killed program goes on.
#pragma once

#include <string>

#include "proto/format/restartable.h"

namespace godwit::cli {

class PartFile final : public proto::BlockStore {
 public:
  /// Goes on with what an earlier run left of this path. `invalid` when `path` is there and not a
  /// regular file: finishing would replace it.
  static auto open(std::string const& path) -> Result<PartFile>;
  PartFile(PartFile&& other) noexcept;
  auto operator=(PartFile&&) -> PartFile& = delete;
  ~PartFile() override;

  auto write_block(uint64_t offset, ByteView bytes) -> Result<> override;
  auto read_block(uint64_t offset, std::span<uint8_t> out) -> Result<> override;
  auto write_journal(ByteView record) -> Result<> override;
  auto read_journal() -> Result<Bytes> override;

  /// The part takes its name, with exactly so many bytes; the journal goes.
  auto finish(uint64_t size_bytes) -> Result<>;
  /// Nothing of it is left.
  void discard();

 private:
  PartFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  auto part() const -> std::string { return path_ + ".part"; }
  auto journal() const -> std::string { return path_ + ".journal"; }

  std::string path_;
  int file_;
};

}  // namespace godwit::cli
