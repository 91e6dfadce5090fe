#include "agent/core/records.h"

namespace godwit::agent {

auto put_record(Files& files, std::string_view name, ByteView bytes) -> Result<> {
  std::string const aside = std::string(name) + ".new";
  // A longer one may be left over from a cut in the middle of this.
  TRY_VOID(files.remove(aside).within(name));
  TRY_VOID(files.write(aside, 0, bytes).within(name));
  TRY_VOID(files.sync(aside).within(name));
  TRY_VOID(files.rename(aside, name).within(name));
  return files.sync_folder().within(name);
}

auto get_record(Files const& files, std::string_view name) -> Result<Bytes> {
  TRY(auto size, files.size(name));
  if (size > kRecordBytesMax) return corrupt(std::string(name) + " is too long");
  return files.read(name, 0, size);
}

auto get_text_or_empty(Files const& files, std::string_view name) -> Result<std::string> {
  auto bytes = get_record(files, name);
  if (!bytes && bytes.error().code == Code::not_found) return std::string();
  if (!bytes) return std::move(bytes).error();
  return std::string(as_text(*bytes));
}

}  // namespace godwit::agent
