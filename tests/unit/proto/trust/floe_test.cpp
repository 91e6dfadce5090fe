// FLOE against the known answers of five implementations, and against every change of a message.
#include "proto/trust/floe.h"
#include "proto/trust/seal.h"
#include "tests/unit/proto/trust/vectors.h"

namespace godwit::proto {
namespace {

struct KnownAnswer {
  char const* name;
  FloeParameters parameters;
};
// The parameters are those of the suite's own tests (kat_test.cpp there).
constexpr FloeParameters k64 = {.segment_bytes = 64};
constexpr FloeParameters k4K = {};
constexpr FloeParameters kLast = {.segment_bytes = 40};
constexpr FloeParameters kRotation = {.segment_bytes = 40, .rotation_bits = 2};
constexpr KnownAnswer kKnownAnswers[] = {
    {"cpp_GCM256_IV256_64", k64},      {"cpp_GCM256_IV256_4K", k4K},
    {"cpp_rotation", kRotation},       {"go_GCM256_IV256_64", k64},
    {"go_GCM256_IV256_4K", k4K},       {"go_rotation", kRotation},
    {"java_GCM256_IV256_64", k64},     {"java_GCM256_IV256_4K", k4K},
    {"java_rotation", kRotation},      {"java_lastSegAligned", kLast},
    {"java_lastSegEmpty", kLast},      {"pub_java_GCM256_IV256_64", k64},
    {"pub_java_GCM256_IV256_4K", k4K}, {"pub_java_rotation", kRotation},
    {"rust_GCM256_IV256_64", k64},     {"rust_GCM256_IV256_4K", k4K},
    {"rust_rotation", kRotation},
};

auto read_hex(std::string const& name) -> Bytes {
  auto text = read_vectors("floe/" + name);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return *from_hex(text);
}

TEST(Floe, KnownAnswersOfFiveImplementations) {
  int count = 0;
  for (auto const& [name, parameters] : kKnownAnswers) {
    SCOPED_TRACE(name);
    auto const sealed = read_hex(std::string(name) + "_ct.txt");
    FloeReader reader(parameters, Secret(), as_bytes("This is AAD"));
    Bytes plain;
    auto const added = reader.add(sealed, plain);
    EXPECT_TRUE(added) << added.error().what;
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(to_hex(plain), to_hex(read_hex(std::string(name) + "_pt.txt")));
    ++count;
  }
  std::cout << "FLOE: " << count << " known answers\n";
  EXPECT_EQ(count, 17);
}

auto open(FloeParameters const& parameters, Secret const& key, ByteView aad, ByteView sealed)
    -> Result<Bytes> {
  FloeReader reader(parameters, key, aad);
  Bytes plain;
  TRY_VOID(reader.add(sealed, plain));
  TRY_VOID(reader.finish());
  return plain;
}

/// Eight segments of 40 bytes, with a change of key after each four.
class FloeMessageTest : public testing::Test {
 protected:
  void SetUp() override {
    FloeWriter writer(kRotation, key_, as_bytes("aad"));
    writer.add(plain_, sealed_);
    writer.finish(sealed_);
    ASSERT_EQ(sealed_.size(), kFloeHeaderBytes + 8 * 40);
  }
  auto opens(ByteView sealed) const -> bool {
    auto const plain = open(kRotation, key_, as_bytes("aad"), sealed);
    EXPECT_TRUE(plain || plain.error().code == Code::denied);
    return static_cast<bool>(plain);
  }
  Secret const key_ = Secret::generate();
  Bytes const plain_ = Bytes(8 * 8, 'x');
  Bytes sealed_;
};

TEST_F(FloeMessageTest, OpensUnchanged) {
  EXPECT_EQ(*open(kRotation, key_, as_bytes("aad"), sealed_), plain_);
}

TEST_F(FloeMessageTest, EveryBitOfEveryByteCounts) {
  for (size_t i = 0; i < sealed_.size() * 8; ++i) {
    auto changed = sealed_;
    changed[i / 8] = static_cast<uint8_t>(changed[i / 8] ^ (1u << (i % 8)));
    EXPECT_FALSE(opens(changed)) << "bit " << i;
  }
}

TEST_F(FloeMessageTest, EveryTruncationAndExtensionIsRefused) {
  for (size_t size = 0; size < sealed_.size(); ++size)
    EXPECT_FALSE(opens(ByteView(sealed_).first(size))) << size;
  for (size_t extra : {1u, 40u}) {
    auto longer = sealed_;
    longer.insert(longer.end(), sealed_.begin(), sealed_.begin() + static_cast<long>(extra));
    EXPECT_FALSE(opens(longer));
  }
}

TEST_F(FloeMessageTest, EverySwapRepetitionAndLossOfSegmentsIsRefused) {
  auto const segment = [](Bytes& bytes, size_t n) {
    return bytes.begin() + static_cast<long>(kFloeHeaderBytes + 40 * n);
  };
  for (size_t a = 0; a < 8; ++a)
    for (size_t b = a + 1; b < 8; ++b) {
      auto swapped = sealed_;
      std::swap_ranges(segment(swapped, a), segment(swapped, a + 1), segment(swapped, b));
      EXPECT_FALSE(opens(swapped)) << a << " and " << b;
      auto repeated = sealed_;
      std::copy(segment(repeated, a), segment(repeated, a + 1), segment(repeated, b));
      EXPECT_FALSE(opens(repeated)) << a << " over " << b;
    }
  for (size_t lost = 0; lost < 8; ++lost) {
    auto shorter = sealed_;
    shorter.erase(segment(shorter, lost), segment(shorter, lost + 1));
    EXPECT_FALSE(opens(shorter)) << lost;
  }
}

TEST_F(FloeMessageTest, AnotherKeyAadOrMessageIsRefused) {
  EXPECT_FALSE(open(kRotation, Secret::generate(), as_bytes("aad"), sealed_));
  EXPECT_FALSE(open(kRotation, key_, as_bytes("aae"), sealed_));
  EXPECT_FALSE(open(kRotation, key_, {}, sealed_));
  EXPECT_FALSE(open(kLast, key_, as_bytes("aad"), sealed_)) << "another change of keys";
  EXPECT_FALSE(open(k64, key_, as_bytes("aad"), sealed_)) << "another segment length";
  Bytes other;
  FloeWriter writer(kRotation, key_, as_bytes("aad"));
  writer.add(plain_, other);
  writer.finish(other);
  // A header of one message before the segments of another.
  std::copy(other.begin(), other.begin() + kFloeHeaderBytes, sealed_.begin());
  EXPECT_FALSE(opens(sealed_));
}

TEST_F(FloeMessageTest, AReaderThatFailedStaysFailed) {
  FloeReader reader(kRotation, key_, as_bytes("aad"));
  Bytes plain;
  ASSERT_TRUE(reader.add(ByteView(sealed_).first(kFloeHeaderBytes + 40), plain));
  EXPECT_EQ(plain.size(), 8u);
  EXPECT_FALSE(reader.add(Bytes(40, 0xff), plain));
  EXPECT_FALSE(reader.add(ByteView(sealed_).subspan(kFloeHeaderBytes + 40), plain));
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(plain.size(), 8u) << "nothing comes out after a failure";
}

TEST(Seal, AnyLengthInAnyPieces) {
  auto const key = ContentKey::generate();
  auto const aad = as_bytes("aad");
  for (size_t size : {0u, 1u, 4063u, 4064u, 4065u, 8128u, 8129u, 20000u}) {
    Bytes plain(size);
    for (size_t i = 0; i < size; ++i) plain[i] = static_cast<uint8_t>(i * 7);
    auto const sealed = seal(key, aad, plain);
    EXPECT_EQ(sealed.size(), sealed_length(size));
    EXPECT_EQ(*unseal(key, aad, sealed), plain);
    for (size_t piece : {1u, 74u, 4096u, 5000u}) {
      Unsealer unsealer(key, aad);
      Bytes out;
      for (size_t at = 0; at < sealed.size(); at += piece)
        ASSERT_TRUE(
            unsealer.add(ByteView(sealed).subspan(at, std::min(piece, sealed.size() - at)), out));
      EXPECT_TRUE(unsealer.finish());
      EXPECT_EQ(out, plain);
    }
  }
}

TEST(Seal, SegmentsOpenByThemselvesAndOnlyInTheirPlace) {
  auto const key = ContentKey::generate();
  auto const aad = as_bytes("aad");
  for (size_t size : {0u, 1u, 4064u, 4065u, 20000u}) {
    Bytes plain(size);
    for (size_t i = 0; i < size; ++i) plain[i] = static_cast<uint8_t>(i * 7);
    auto const sealed = seal(key, aad, plain);
    auto const header = ByteView(sealed).first(kSealedHeaderBytes);
    auto opener = SegmentOpener::open(key, aad, header, sealed.size());
    ASSERT_TRUE(opener);
    EXPECT_EQ(opener->plain_bytes(), size);
    Bytes out;
    for (uint64_t number = 0; number < opener->segments(); ++number) {
      auto const segment = opener->segment(number);
      auto const bytes = ByteView(sealed).subspan(segment.sealed_offset, segment.sealed_bytes);
      EXPECT_EQ(segment.plain_offset, out.size());
      EXPECT_TRUE(opener->open_segment(segment, bytes, out));
      Bytes nothing;
      auto elsewhere = segment;
      elsewhere.number ^= 1;
      EXPECT_FALSE(opener->open_segment(elsewhere, bytes, nothing)) << "in another place";
      auto cut =
          SegmentOpener::open(key, aad, header, segment.sealed_offset + segment.sealed_bytes);
      if (number + 1 == opener->segments()) continue;
      EXPECT_FALSE(cut && cut->open_segment(cut->segment(number), bytes, nothing)) << "as the end";
    }
    EXPECT_EQ(out, plain);
    if (size > 0) {
      EXPECT_EQ(opener->segment_at(size - 1).number, opener->segments() - 1);
    }
    EXPECT_FALSE(SegmentOpener::open(key, as_bytes("other"), header, sealed.size()));
    EXPECT_FALSE(SegmentOpener::open(key, aad, header.first(73), sealed.size()));
    EXPECT_FALSE(SegmentOpener::open(key, aad, header, kSealedHeaderBytes));
  }
}

TEST(Seal, TwoSealsOfOneTextDiffer) {
  auto const key = ContentKey::generate();
  EXPECT_NE(seal(key, {}, as_bytes("text")), seal(key, {}, as_bytes("text")));
}

TEST(Seal, AadTellsReleasesAndDeltasApart) {
  auto const a = sha256(as_bytes("a"));
  auto const b = sha256(as_bytes("b"));
  EXPECT_EQ(as_text(release_aad("models/ic/1.0.0.floe", a, 12)),
            std::string("models/ic/1.0.0.floe") + '\0' + a.hex() + '\0' + "12");
  EXPECT_EQ(as_text(delta_aad("bsdiff", a, b)),
            std::string("delta") + '\0' + "bsdiff" + '\0' + a.hex() + '\0' + b.hex());
}

}  // namespace
}  // namespace godwit::proto
