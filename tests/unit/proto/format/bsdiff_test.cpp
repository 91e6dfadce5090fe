// BSDIFF40 patches made by hand: good ones, and every hole that was published for bspatch.
#include "proto/format/bsdiff.h"

#include <bzlib.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace godwit::proto {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

struct Triple {
  int64_t add = 0;
  int64_t literal = 0;
  int64_t seek = 0;
};

/// The parts of a patch before they are put together, so that a case can spoil one.
struct Parts {
  std::vector<Triple> control;
  std::string diff;
  std::string extra;
  int64_t new_bytes = 0;
  int64_t control_bytes_off = 0;  // added to the true length
  int64_t diff_bytes_off = 0;
  std::function<void(std::string&)> spoil_control = [](std::string&) {};
  std::function<void(std::string&)> spoil_extra = [](std::string&) {};
};

auto signed_magnitude(int64_t value) -> uint64_t {
  return value < 0 ? (~static_cast<uint64_t>(value) + 1) | uint64_t{1} << 63
                   : static_cast<uint64_t>(value);
}

auto bzip2(std::string plain) -> std::string {
  std::string coded(plain.size() + plain.size() / 100 + 600, '\0');
  auto bytes = static_cast<unsigned>(coded.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(coded.data(), &bytes, plain.data(),
                                     static_cast<unsigned>(plain.size()), 9, 0, 0),
            BZ_OK);
  coded.resize(bytes);
  return coded;
}

auto build(Parts const& parts) -> Bytes {
  Writer control;
  for (Triple const& triple : parts.control) {
    control.u64(signed_magnitude(triple.add));
    control.u64(signed_magnitude(triple.literal));
    control.u64(signed_magnitude(triple.seek));
  }
  auto control_coded = bzip2(std::string(as_text(control.view())));
  auto const diff_coded = bzip2(parts.diff);
  auto extra_coded = bzip2(parts.extra);
  parts.spoil_control(control_coded);
  parts.spoil_extra(extra_coded);
  Writer patch;
  patch.bytes(as_bytes("BSDIFF40"));
  patch.u64(signed_magnitude(static_cast<int64_t>(control_coded.size()) + parts.control_bytes_off));
  patch.u64(signed_magnitude(static_cast<int64_t>(diff_coded.size()) + parts.diff_bytes_off));
  patch.u64(signed_magnitude(parts.new_bytes));
  patch.bytes(as_bytes(control_coded));
  patch.bytes(as_bytes(diff_coded));
  patch.bytes(as_bytes(extra_coded));
  return std::move(patch).take();
}

/// "Hello, world" becomes "Hallo, World!!".
auto const kOld = to_bytes("Hello, world");

auto good() -> Parts {
  Parts parts;
  parts.control = {{.add = 5, .literal = 2, .seek = 2}, {.add = 5, .literal = 2, .seek = 0}};
  parts.diff = {0, '\xfc', 0, 0, 0, '\xe0', 0, 0, 0, 0};
  parts.extra = ", !!";
  parts.new_bytes = 14;
  return parts;
}

auto apply(Parts const& parts) -> Result<Bytes> {
  return apply_bsdiff(kOld, build(parts), {.new_bytes_max = 1000});
}

TEST(Bsdiff, AppliesAPatchMadeByHand) {
  auto const made = apply(good());
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(as_text(*made), "Hallo, World!!");
}

TEST(Bsdiff, AppliesToAndMakesEmptyFiles) {
  Parts empty;
  auto const nothing = apply_bsdiff({}, build(empty), {});
  ASSERT_TRUE(nothing) << nothing.error().what;
  EXPECT_TRUE(nothing->empty());
  Parts all_literal;
  all_literal.control = {{.add = 0, .literal = 3, .seek = 0}};
  all_literal.extra = "abc";
  all_literal.new_bytes = 3;
  auto const made = apply_bsdiff({}, build(all_literal), {});
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(as_text(*made), "abc");
}

struct Hole {
  char const* name;
  std::function<void(Parts&)> open;
};

class BsdiffHoles : public testing::TestWithParam<Hole> {};

TEST_P(BsdiffHoles, IsRefused) {
  Parts parts = good();
  GetParam().open(parts);
  auto const made = apply(parts);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::corrupt) << made.error().what;
}

INSTANTIATE_TEST_SUITE_P(
    Published, BsdiffHoles,
    testing::Values(
        // CVE-2014-9862: negative lengths write before the buffer.
        Hole{"NegativeAdd", [](Parts& p) { p.control[0].add = -1; }},
        Hole{"NegativeLiteral", [](Parts& p) { p.control[0].literal = -1; }},
        Hole{"MostNegativeAdd", [](Parts& p) { p.control[0].add = -kHuge; }},
        Hole{"NegativeNewSize", [](Parts& p) { p.new_bytes = -1; }},
        Hole{"NegativeControlLength", [](Parts& p) { p.control_bytes_off = -1000; }},
        Hole{"NegativeDiffLength", [](Parts& p) { p.diff_bytes_off = -1000; }},
        // CVE-2020-14315: sums that overflow.
        Hole{"HugeControlLength", [](Parts& p) { p.control_bytes_off = kHuge / 2; }},
        Hole{"LengthsWhoseSumOverflows",
             [](Parts& p) { p.control_bytes_off = p.diff_bytes_off = kHuge - 1000; }},
        Hole{"HugeAdd", [](Parts& p) { p.control[0].add = kHuge; }},
        Hole{"AddAndLiteralWhoseSumOverflows",
             [](Parts& p) { p.control[0].add = p.control[0].literal = kHuge; }},
        Hole{"MoreThanTheNewFile", [](Parts& p) { p.control[1].literal = 3; }},
        Hole{"LiteralPastTheNewFile", [](Parts& p) { p.control[0].literal = kHuge; }},
        Hole{"NewSizePastTheLimit", [](Parts& p) { p.new_bytes = 1001; }},
        Hole{"HugeNewSize", [](Parts& p) { p.new_bytes = kHuge; }}),
    [](auto const& hole) { return hole.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Seeks, BsdiffHoles,
    testing::Values(Hole{"BeforeTheOldFile", [](Parts& p) { p.control[0].seek = -6; }},
                    Hole{"PastTheOldFile", [](Parts& p) { p.control[0].seek = 8; }},
                    Hole{"SoThatReadingLeavesTheOldFile", [](Parts& p) { p.control[0].seek = 4; }},
                    Hole{"MostNegative", [](Parts& p) { p.control[0].seek = -kHuge; }},
                    Hole{"MostPositive", [](Parts& p) { p.control[0].seek = kHuge; }},
                    Hole{"AfterTheLastByte", [](Parts& p) { p.control[1].seek = 1; }}),
    [](auto const& hole) { return hole.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Streams, BsdiffHoles,
    testing::Values(
        Hole{"TooFewInstructions", [](Parts& p) { p.control.pop_back(); }},
        Hole{"TooManyInstructions", [](Parts& p) { p.control.push_back({}); }},
        Hole{"EndlessEmptyInstructions", [](Parts& p) { p.control.assign(100'000, Triple{}); }},
        Hole{"ShortDiff", [](Parts& p) { p.diff.pop_back(); }},
        Hole{"LongDiff", [](Parts& p) { p.diff += 'x'; }},
        Hole{"ShortExtra", [](Parts& p) { p.extra.pop_back(); }},
        Hole{"LongExtra", [](Parts& p) { p.extra += 'x'; }},
        Hole{"CutControl", [](Parts& p) { p.spoil_control = [](auto& s) { s.pop_back(); }; }},
        Hole{"EmptyControl", [](Parts& p) { p.spoil_control = [](auto& s) { s.clear(); }; }},
        Hole{"NoBzip2", [](Parts& p) { p.spoil_control = [](auto& s) { s[0] = 'X'; }; }},
        Hole{"BadChecksum",
             [](Parts& p) { p.spoil_extra = [](auto& s) { s[11] = char(s[11] ^ 1); }; }},
        Hole{"ASecondStream",
             [](Parts& p) { p.spoil_extra = [](auto& s) { s += bzip2("more"); }; }},
        Hole{"TrailingBytes", [](Parts& p) { p.spoil_extra = [](auto& s) { s += '\0'; }; }}),
    [](auto const& hole) { return hole.param.name; });

TEST(Bsdiff, RefusesEveryCut) {
  auto const patch = build(good());
  for (size_t bytes = 0; bytes < patch.size(); ++bytes) {
    auto const cut = ByteView(patch).first(bytes);
    EXPECT_FALSE(apply_bsdiff(kOld, cut, {})) << bytes;
    if (bytes < kBsdiffHeaderBytes) {
      EXPECT_FALSE(inspect_bsdiff(cut, {})) << bytes;
    }
  }
}

TEST(Bsdiff, InspectionCounts) {
  auto const info = inspect_bsdiff(build(good()), {});
  ASSERT_TRUE(info) << info.error().what;
  EXPECT_EQ(info->new_bytes, 14u);
  EXPECT_EQ(info->added_bytes, 10u);
  EXPECT_EQ(info->literal_bytes, 4u);
  EXPECT_EQ(info->instructions, 2u);
  EXPECT_FALSE(info->container);
}

}  // namespace
}  // namespace godwit::proto
