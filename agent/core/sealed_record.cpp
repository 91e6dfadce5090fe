#include "agent/core/sealed_record.h"

#include "agent/core/records.h"

namespace godwit::agent {
namespace {

/// Whatever is wrong with a seal, the record is somebody else's.
auto not_ours(std::string_view name, std::string const& why) -> Error {
  return denied("the record '" + std::string(name) + "' was not written by this device: " + why);
}

/// The second line: the locked key and a message of no bytes whose associated data is the text.
auto check_seal(KeyStore& keys, std::string_view name, std::string_view text, std::string_view line)
    -> Result<> {
  auto const space = line.find(' ');
  if (!line.ends_with('\n') || space == std::string_view::npos)
    return corrupt("its seal is damaged");
  TRY(auto const locked, from_hex(line.substr(0, space)));
  TRY(auto const message, from_hex(line.substr(space + 1, line.size() - space - 2)));
  TRY(auto const key, keys.unlock(locked));
  TRY(auto const nothing, proto::unseal(key, proto::record_aad(name, text), message));
  if (!nothing.empty()) return corrupt("its seal holds something");
  return {};
}

}  // namespace

auto put_sealed_record(Files& files, KeyStore& keys, std::string_view name, std::string_view text)
    -> Result<> {
  CHECK(text.find('\n') == std::string_view::npos);
  auto const key = proto::ContentKey::generate();
  TRY(auto const locked, keys.lock(key));
  auto const record = std::string(text) + "\n" + to_hex(locked) + " " +
                      to_hex(proto::seal(key, proto::record_aad(name, text), {})) + "\n";
  return put_record(files, name, as_bytes(record));
}

auto get_sealed_record(Files const& files, KeyStore& keys, std::string_view name)
    -> Result<SealedRecord> {
  auto const bytes = get_record(files, name);
  if (!bytes && bytes.error().code == Code::not_found) return SealedRecord{};
  if (!bytes && bytes.error().code == Code::corrupt) return not_ours(name, bytes.error().what);
  if (!bytes) return bytes.error();
  auto const whole = as_text(*bytes);
  auto const end = whole.find('\n');
  SealedRecord record{.text = std::string(whole.substr(0, end)),
                      .sealed = end != std::string_view::npos};
  if (record.sealed) {
    auto const holds = check_seal(keys, name, record.text, whole.substr(end + 1));
    if (!holds) return not_ours(name, holds.error().what);
  } else if (keys.seals_records()) {
    return not_ours(name, "it has no seal");
  }
  return record;
}

}  // namespace godwit::agent
