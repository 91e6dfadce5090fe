// Signed documents: what they say survives, what is malformed is refused, signatures are counted.
#include "proto/trust/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "proto/base/limits.h"
#include "tests/unit/proto/trust/documents.h"

namespace godwit::proto {
namespace {

constexpr size_t kMax = limits::kMetadataBytesMax;

auto parse(std::string_view text) -> Result<SignedDocument> {
  return SignedDocument::parse(text, kMax);
}

/// The text with the first `from` replaced.
auto with(std::string text, std::string_view from, std::string_view to) -> std::string {
  auto const at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(Metadata, TargetsSurviveTheirJson) {
  auto targets = make_targets(5);
  targets.device_id = "cam-1";
  Target assigned = targets.targets.begin()->second;
  assigned.release.reset();
  assigned.assignment = make_assignment();
  targets.targets.emplace("models/kws/1.0.0.floe", assigned);
  auto const json = to_json(targets);
  auto const again =
      parse_targets(*Json::parse(json.dump(), {.bytes_max = kMax, .integers_only = true}));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(to_json(*again), json);
  auto const& release = *again->targets.at("models/ic/1.0.0.floe").release;
  EXPECT_EQ(release.gate.accuracy_drop_points_max, 5.0);
  EXPECT_EQ(release.gate.psi_max, 0.25);
  EXPECT_EQ(release.gate.error_rate_max, 0.001);
  EXPECT_EQ(release.requires_.hardware_ids.size(), 2u);
  EXPECT_EQ(again->targets.at("models/kws/1.0.0.floe").assignment->delta->length, 99u);
}

TEST(Metadata, AChainIsALineOfDeltas) {
  auto const step = [](std::string_view from, std::string_view to) {
    auto delta = *make_assignment().delta;
    delta.base_plain_sha256 = sha256(as_bytes(from));
    delta.plain_sha256 = sha256(as_bytes(to));
    return delta;
  };
  auto const parse_with = [](std::vector<DeltaOffer> chain, bool with_delta = false) {
    auto targets = make_targets(1);
    auto& assignment = targets.targets.begin()->second.assignment.emplace(make_assignment());
    if (!with_delta) assignment.delta.reset();
    assignment.chain = std::move(chain);
    return parse_targets(to_json(targets));
  };
  auto const read = parse_with({step("a", "b"), step("b", "c")});
  ASSERT_TRUE(read) << read.error().what;
  auto const& chain = read->targets.begin()->second.assignment->chain;
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[1].plain_sha256, sha256(as_bytes("c")));
  EXPECT_FALSE(parse_with({step("a", "b")})) << "one step is a delta";
  EXPECT_FALSE(parse_with({step("a", "b"), step("x", "c")})) << "a gap";
  EXPECT_FALSE(
      parse_with({step("a", "b"), step("b", "c"), step("c", "d"), step("d", "e"), step("e", "f")}))
      << "too many";
  EXPECT_FALSE(parse_with({step("a", "b"), step("b", "c")}, /*with_delta=*/true));
}

TEST(Metadata, RootSurvivesItsJson) {
  auto const root = make_root(4, make_keys(3), 2, make_keys(1));
  auto const again = parse_root(to_json(root));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(to_json(*again), to_json(root));
}

TEST(Metadata, EveryFieldThatIsMissingOrOfAnotherTypeIsRefused) {
  // Walks the body of both kinds of targets: no field may be absent or a list, save the optional.
  auto targets = make_targets(1);
  targets.device_id = "cam-1";
  targets.targets.begin()->second.assignment = make_assignment();
  std::vector<std::string> const optional = {"device_id", "custom", "release", "assignment",
                                             "delta"};
  // Absent, these limit nothing.
  std::vector<std::string> const limits = {"hardware_ids",          "arch",
                                           "engine_version",        "ram_bytes",
                                           "flash_bytes",           "soak_inferences",
                                           "accuracy_drop_max_ppm", "psi_max_ppm",
                                           "latency_p99_max_us",    "error_rate_max_ppm"};
  auto const contains = [](auto const& list, std::string const& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  int changes = 0;
  std::function<void(Json const&, std::function<Json(Json)> const&)> walk =
      [&](Json const& json, std::function<Json(Json)> const& rebuild) {
        for (auto const& [key, value] : json.members()) {
          auto members = json.members();
          members.erase(key);
          bool const may_miss =
              contains(optional, key) || contains(limits, key) || key.starts_with("models/");
          EXPECT_EQ(static_cast<bool>(parse_targets(rebuild(Json(members)))), may_miss) << key;
          members.insert_or_assign(key, Json::array({Json::array()}));
          bool const may_be_list = key == "custom";  // of a repository that knows no Godwit
          EXPECT_EQ(static_cast<bool>(parse_targets(rebuild(Json(members)))), may_be_list) << key;
          changes += 2;
          walk(value, [&, name = key](Json inner) {
            auto outer = json.members();
            outer.insert_or_assign(name, std::move(inner));
            return rebuild(Json(outer));
          });
        }
      };
  walk(to_json(targets), [](Json json) { return json; });
  EXPECT_GT(changes, 60);
}

TEST(Metadata, BoundsAndKindsAreChecked) {
  auto const good = to_json(make_targets(1)).dump();
  struct {
    char const* from;
    char const* to;
  } const changes[] = {
      {R"("_type":"targets")", R"("_type":"root")"},
      {R"("spec_version":"1.0.34")", R"("spec_version":"2.0.0")"},
      {R"("version":1)", R"("version":0)"},
      {R"("version":1)", R"("version":-1)"},
      {R"("kind":"model")", R"("kind":"modem")"},
      {R"("encoding":"zstd")", R"("encoding":"lzma")"},
      {R"("length":700)", R"("length":-1)"},
      {R"("length":700)", R"("length":1073741825)"},
      {R"("engine_version":1)", R"("engine_version":4294967296)"},
      {R"("ram_bytes":4096)", R"("ram_bytes":-4096)"},
      {R"("model":"ic")", R"("model":"../ic")"},
      {R"("psi_max_ppm":250000)", R"("psi_max_ppm":-1)"},
      {R"("arch":"aarch64")", R"("arch":64)"},
  };
  EXPECT_TRUE(parse_targets(*Json::parse(good)));
  for (auto const& [from, to] : changes)
    EXPECT_FALSE(parse_targets(*Json::parse(with(good, from, to)))) << to;
  auto delegating = to_json(make_targets(1));
  delegating.set("delegations", Json::object());
  EXPECT_TRUE(parse_targets(delegating));
  delegating.set("device_id", "cam-1");
  EXPECT_FALSE(parse_targets(delegating)) << "the Director delegates to nobody";
}

TEST(Metadata, ARootNamesItsKeysByTheirHashes) {
  auto const keys = make_keys(2);
  auto const body = to_json(make_root(1, keys, 1, keys));
  auto const first = keys[0].public_key().id();
  auto const second = keys[1].public_key().id();
  auto const text = body.dump();
  EXPECT_TRUE(parse_root(*Json::parse(text)));
  // One key under two ids would be two signers.
  auto twice = *body.get_object("keys");
  twice.set(std::string(64, 'a'), *twice.find(first));
  auto forged = body;
  forged.set("keys", twice);
  EXPECT_FALSE(parse_root(forged));
  EXPECT_FALSE(parse_root(*Json::parse(with(text, R"("threshold":1)", R"("threshold":0)"))));
  EXPECT_FALSE(parse_root(*Json::parse(with(text, R"("timestamp":)", R"("timestomp":)"))));
  auto root = make_root(1, keys, 1, keys);
  root.roles.at("root").key_ids = {second, second};
  EXPECT_FALSE(parse_root(to_json(root)));
}

class Signatures : public testing::Test {
 protected:
  auto verify(std::string_view text, Role const& role) const -> Result<> {
    TRY(auto const document, parse(text));
    return document.verify(role, root_.keys);
  }
  Keys const keys_ = make_keys(3);
  Root const root_ = make_root(1, keys_, 2, make_keys(1));
  Role const two_of_three_ = root_.roles.at("root");
};

TEST_F(Signatures, AThresholdOfDifferentKeysIsNeeded) {
  for (size_t count = 0; count <= 3; ++count) {
    Keys const signers(keys_.begin(), keys_.begin() + static_cast<long>(count));
    EXPECT_EQ(static_cast<bool>(verify(signed_text(make_targets(1), signers), two_of_three_)),
              count >= 2);
  }
  auto const strangers = make_keys(3);
  EXPECT_EQ(verify(signed_text(make_targets(1), strangers), two_of_three_).error().code,
            Code::denied);
  EXPECT_FALSE(verify(signed_text(make_targets(1), keys_), Role{.key_ids = {}, .threshold = 0}));
}

TEST_F(Signatures, OneKeyCountsOnce) {
  auto const text = signed_text(make_targets(1), {keys_[0]});
  auto json = *Json::parse(text);
  auto signatures = *json.get_array("signatures");
  auto const signature = signatures.items()[0];
  signatures.push_back(signature);
  json.set("signatures", signatures);
  EXPECT_FALSE(parse(json.dump())) << "the same id twice";
  // The same signature under the id of another key.
  auto borrowed = signature;
  borrowed.set("keyid", keys_[1].public_key().id());
  json.set("signatures", Json::array({signature, borrowed}));
  EXPECT_TRUE(parse(json.dump()));
  EXPECT_FALSE(verify(json.dump(), two_of_three_));
}

TEST_F(Signatures, EveryChangedByteOfTheTextIsNoticed) {
  auto const text = signed_text(make_targets(1), {keys_[0], keys_[1]});
  ASSERT_TRUE(verify(text, two_of_three_));
  for (size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    auto const held = verify(changed, two_of_three_);
    // Upper case digits of a signature mean the same; nothing else does.
    EXPECT_FALSE(held) << i << ": " << changed.substr(i, 20);
  }
}

TEST_F(Signatures, OtherSpacingAndUnknownFieldsDoNotMatter) {
  auto body = to_json(make_targets(1));
  body.set("x-unknown", Json::array({1, "\xC3\xA4\n\"\\", Json()}));
  auto const text = *sign_document(body, {keys_[0], keys_[2]});
  EXPECT_TRUE(verify(text, two_of_three_));
  EXPECT_TRUE(verify(Json::parse(text)->dump(4), two_of_three_));
  EXPECT_TRUE(parse_targets(parse(text)->body()));
}

TEST_F(Signatures, PersonsSignOneAfterAnother) {
  auto text = *sign_document(to_json(make_targets(1)), {keys_[0]});
  EXPECT_FALSE(verify(text, two_of_three_));
  text = *add_signatures(text, {keys_[1]});
  EXPECT_TRUE(verify(text, two_of_three_));
  EXPECT_EQ(*add_signatures(text, {keys_[1]}), text) << "signing again changes nothing";
}

TEST_F(Signatures, GarbageBesideGoodSignaturesDoesNotMatter) {
  auto json = *Json::parse(signed_text(make_targets(1), {keys_[0], keys_[1]}));
  auto signatures = *json.get_array("signatures");
  signatures.push_back(Json::object({{"keyid", keys_[2].public_key().id()}, {"sig", "no hex"}}));
  signatures.push_back(Json::object({{"keyid", "unknown"}, {"sig", ""}}));
  json.set("signatures", signatures);
  EXPECT_TRUE(verify(json.dump(), two_of_three_));
}

TEST(SignedDocument, RefusesMalformedDocuments) {
  for (auto const* wrong :
       {"", "[]", "{}", R"({"signed":{},"signatures":[]})", R"({"signed":{"_type":"root"}})",
        R"({"signed":{"_type":1},"signatures":[]})", R"({"signed":[],"signatures":[]})",
        R"({"signed":{"_type":"root","x":1.5},"signatures":[]})",
        R"({"signed":{"_type":"root","x":1,"x":1},"signatures":[]})",
        R"({"signed":{"_type":"root"},"signatures":{}})",
        R"({"signed":{"_type":"root"},"signatures":[1]})",
        R"({"signed":{"_type":"root"},"signatures":[{"keyid":"a"}]})",
        R"({"signed":{"_type":"root"},"signatures":[]} x)"})
    EXPECT_FALSE(parse(wrong)) << wrong;
  auto many = Json::array();
  for (int i = 0; i < 65; ++i)
    many.push_back(Json::object({{"keyid", std::to_string(i)}, {"sig", ""}}));
  auto const json =
      Json::object({{"signed", Json::object({{"_type", "root"}})}, {"signatures", many}});
  EXPECT_FALSE(parse(json.dump()));
  EXPECT_FALSE(SignedDocument::parse(R"({"signed":{"_type":"root"},"signatures":[]})", 10));
}

TEST(Keys, PemAndIdsStayTheSame) {
  auto const key = SigningKey::generate();
  auto const again = *SigningKey::from_pem(key.pem());
  EXPECT_EQ(again.public_key().id(), key.public_key().id());
  EXPECT_TRUE(key.public_key().verify(as_bytes("m"), again.sign(as_bytes("m"))));
  EXPECT_FALSE(key.public_key().verify(as_bytes("n"), again.sign(as_bytes("m"))));
  // RFC 8032 section 7.1, test 1.
  auto const seed = *from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  auto const known = *SigningKey::from_seed(seed);
  EXPECT_EQ(
      to_hex(known.sign({})),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e397"
      "01cf9b46bd25bf5f0595bbe24655141438e7a100b");
}

TEST(Keys, UnknownSchemesAreKeptAndVerifyNothing) {
  auto const json = Json::object({{"keytype", "future"},
                                  {"scheme", "future-2030"},
                                  {"keyval", Json::object({{"public", "x"}})}});
  auto const key = PublicKey::from_json(json);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->json(), json);
  EXPECT_EQ(key->verify(as_bytes("m"), Bytes(64)).error().code, Code::denied);
  for (auto const* wrong :
       {R"({"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"}})",
        R"({"keytype":"ed25519","scheme":"ed25519","keyval":{}})",
        R"({"keytype":"ed25519","scheme":"ed25519"})", R"({"scheme":"ed25519","keyval":{}})",
        R"({"keytype":"rsa","scheme":"rsassa-pss-sha256","keyval":{"public":"no PEM"}})"})
    EXPECT_FALSE(PublicKey::from_json(*Json::parse(wrong))) << wrong;
}

}  // namespace
}  // namespace godwit::proto
