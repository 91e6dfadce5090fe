#include "proto/trust/metadata.h"

#include <algorithm>
#include <set>

#include "proto/base/limits.h"

namespace godwit::proto {
namespace {

constexpr size_t kSignaturesMax = 64;
constexpr size_t kKeyIdBytesMax = 128;

auto sign_body(std::string_view canonical, SigningKey const& key) -> Json {
  return Json::object(
      {{"keyid", key.public_key().id()}, {"sig", to_hex(key.sign(as_bytes(canonical)))}});
}

auto document_text(Json body, Json signatures) -> std::string {
  return Json::object({{"signatures", std::move(signatures)}, {"signed", std::move(body)}}).dump();
}

}  // namespace

auto target_path(ModelName const& model, Version const& version) -> std::string {
  return "models/" + model.str() + "/" + version.str() + ".floe";
}

auto SignedDocument::parse(std::string_view text, size_t bytes_max) -> Result<SignedDocument> {
  TRY(auto json, Json::parse(text, {.bytes_max = bytes_max, .integers_only = true}));
  SignedDocument document;
  TRY(document.body_, json.get_object("signed"));
  TRY(document.type_, document.body_.get_string("_type").within("signed"));
  TRY(document.canonical_, document.body_.canonical());
  TRY(auto signatures, json.get_array("signatures"));
  if (signatures.size() > kSignaturesMax) return invalid("too many signatures");
  std::set<std::string> seen;
  for (auto const& item : signatures.items()) {
    TRY(auto key_id, item.get_string("keyid").within("signatures"));
    TRY(auto hex, item.get_string("sig").within("signatures"));
    if (key_id.size() > kKeyIdBytesMax) return invalid("signatures: 'keyid' is too long");
    // Section 4.2.1: a key id stands once in the list.
    if (!seen.insert(key_id).second) return invalid("signatures: a key id stands there twice");
    // What is no hexadecimal number is a signature that does not hold, not a malformed document.
    document.signatures_.emplace_back(std::move(key_id), from_hex(hex).value_or({}));
  }
  document.text_ = text;
  return document;
}

auto SignedDocument::verify(Role const& role, std::map<std::string, PublicKey> const& keys) const
    -> Result<> {
  uint32_t valid = 0;
  for (auto const& [key_id, signature] : signatures_) {
    // Ids are unique here and are hashes of their keys (parse_root), so no key counts twice.
    if (std::find(role.key_ids.begin(), role.key_ids.end(), key_id) == role.key_ids.end()) continue;
    auto const key = keys.find(key_id);
    if (key == keys.end()) continue;
    if (key->second.verify(as_bytes(canonical_), signature)) ++valid;
  }
  if (role.threshold == 0 || valid < role.threshold)
    return denied(type_ + ": " + std::to_string(valid) + " valid signatures of " +
                  std::to_string(role.threshold) + " needed");
  return {};
}

auto sign_document(Json const& body, std::vector<SigningKey> const& keys) -> Result<std::string> {
  return add_signatures(document_text(body, Json::array()), keys);
}

auto add_signatures(std::string_view text, std::vector<SigningKey> const& keys)
    -> Result<std::string> {
  TRY(auto json,
      Json::parse(text, {.bytes_max = limits::kMetadataBytesMax, .integers_only = true}));
  TRY(auto body, json.get_object("signed"));
  TRY(auto canonical, body.canonical());
  TRY(auto present, json.get_array("signatures"));
  std::map<std::string, Json> by_key;
  for (auto const& item : present.items()) {
    TRY(auto key_id, item.get_string("keyid").within("signatures"));
    by_key.insert_or_assign(std::move(key_id), item);
  }
  for (auto const& key : keys)
    by_key.insert_or_assign(key.public_key().id(), sign_body(canonical, key));
  auto signatures = Json::array();
  for (auto& [key_id, item] : by_key) signatures.push_back(std::move(item));
  return document_text(std::move(body), std::move(signatures));
}

}  // namespace godwit::proto
