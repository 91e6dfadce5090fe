// Where the plaintext of models goes on this device, slots and what deltas make: a Files over the
// device's folder that seals what it writes, a file under a key of its own that only the KeyStore
// opens, and reads files of both forms (docs/agent.md, "At rest"). It holds no plaintext.
#pragma once

#include <map>

#include "agent/core/ports.h"

namespace godwit::agent {

class ModelFiles final : public Files {
 public:
  enum class Form : uint8_t { sealed, plain };
  /// Writes that form. All outlive this.
  ModelFiles(Files& folder, KeyStore& keys, Memory& memory, Form form)
      : folder_(folder), keys_(keys), memory_(memory), form_(form) {}

  // Files, of plaintext. A file is written from front to back: what lay behind the written bytes
  // may be gone. Every write of sealed bytes is a message of its own, behind those that stay: what
  // was durable is not touched by what comes after it. `corrupt`: a seal or a key does not hold.
  auto size(std::string_view name) const -> Result<uint64_t> override;
  auto read(std::string_view name, uint64_t offset, uint64_t size_max) const
      -> Result<Bytes> override;
  /// Of a sealed file: opened once, straight to where it stays.
  auto map(std::string_view name) const -> Result<Plaintext> override;
  auto write(std::string_view name, uint64_t offset, ByteView bytes) -> Result<> override;
  auto truncate(std::string_view name, uint64_t size) -> Result<> override;
  auto sync(std::string_view name) -> Result<> override;
  auto rename(std::string_view from, std::string_view to) -> Result<> override;
  auto remove(std::string_view name) -> Result<> override;
  auto sync_folder() -> Result<> override;

  /// Brings a file of the other form into the one that is written here, wholly or not at all;
  /// whether it did.
  auto convert(std::string_view name) -> Result<bool>;
  /// Removes it instead, and one whose seal does not hold.
  auto drop_other_form(std::string_view name) -> Result<>;

 private:
  /// One write: a sealed message in the file.
  struct Part {
    uint64_t plain_offset = 0;
    uint64_t plain_bytes = 0;
    uint64_t at = 0;  // of the message in the folder's file, behind its length
  };
  struct Layout {
    Form form = Form::sealed;
    std::optional<proto::ContentKey> key;  // of a sealed file
    std::vector<Part> parts;               // likewise
    uint64_t head_bytes = 0;
    uint64_t plain_bytes = 0;

    auto end() const -> uint64_t;
    auto part_at(uint64_t plain_offset) const -> size_t;
  };
  /// The part that was read last: reading goes forward in small pieces.
  struct Opened {
    std::string name;
    uint64_t at = 0;
    proto::SegmentOpener opener;
  };

  auto layout(std::string_view name) const -> Result<Layout*>;
  auto scan(std::string_view name) const -> Result<Layout>;
  auto scan_head(std::string_view name, uint64_t file_bytes, Layout& found) const -> Result<>;
  auto opener(std::string_view name, Layout const& layout, Part const& part) const
      -> Result<proto::SegmentOpener*>;
  auto read_part(std::string_view name, Layout const& layout, Part const& part, uint64_t offset,
                 std::span<uint8_t> out) const -> Result<>;
  auto read_into(std::string_view name, Layout const& layout, uint64_t offset,
                 std::span<uint8_t> out) const -> Result<>;
  auto begin(std::string_view name, ByteView bytes) -> Result<>;
  auto append_sealed(std::string_view name, uint64_t offset, ByteView bytes) -> Result<>;
  static void seal_part(Layout& layout, ByteView plain, Bytes& out);
  auto cut_off(std::string_view name, Layout& layout, uint64_t size) -> Result<Bytes>;
  void forget(std::string_view name) const;

  Files& folder_;
  KeyStore& keys_;
  Memory& memory_;
  Form form_;
  mutable std::map<std::string, Layout, std::less<>> layouts_;
  mutable std::optional<Opened> opened_;
};

}  // namespace godwit::agent
