#include "cli/core/output.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/core/terminal.h"

namespace godwit::cli {
namespace {

auto example() -> Table {
  Table table({"DEVICE", {"SIZE", Table::Align::right}, "NOTE"});
  table.add({"cam-1", "9 B", Cell("good", Style::good, "✔")});
  table.add({"a-long-name", "12.5 kB", ""});
  return table;
}

struct Printed {
  std::ostringstream out;
  std::ostringstream err;
  Context context{out, err};
};

TEST(Table, AlignsByCodePointsAndLeavesNoSpacesBehind) {
  auto const lines = example().lines(false);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "DEVICE          SIZE  NOTE");
  EXPECT_EQ(lines[1], "cam-1            9 B  ✔ good");
  EXPECT_EQ(lines[2], "a-long-name  12.5 kB");
}

TEST(Table, CutsWhatIsTooWide) {
  for (size_t width = 1; width < 40; ++width)
    for (auto const& line : example().lines(false, width)) EXPECT_LE(display_width(line), width);
  EXPECT_EQ(example().lines(false, 8)[2], "a-long-…");
}

TEST(Table, ColourIsOnlyAroundTheText) {
  EXPECT_EQ(example().lines(true)[1], "cam-1            9 B  \x1b[32m✔ good\x1b[0m");
}

TEST(Table, TsvHasNeitherTitlesNorGlyphs) {
  EXPECT_EQ(example().tsv(), "cam-1\t9 B\tgood\na-long-name\t12.5 kB\t\n");
}

TEST(Table, WhatADeviceSaysCannotDriveTheTerminal) {
  Table table;
  table.add({"x\x1b]0;owned\x07y", "two\nlines\tand a tab"});
  EXPECT_EQ(table.tsv(), "x?]0;owned?y\ttwo?lines?and a tab\n");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \xe2\x80\xae \xff ok ä\n"),
            "?31m ? ? ok ä\n");
  EXPECT_EQ(printable("\xf0\x9f\x98\x80 \xed\xa0\x80"), "\xf0\x9f\x98\x80 ???");
}

TEST(PrintList, EachFormHasTheSameItems) {
  auto const items = *Json::parse(R"([{"id":"a","x":{"y":1}},{"id":"b"}])");
  Table table({"ID"});
  table.add({"a"});
  table.add({"b"});
  auto const in = [&](OutputMode mode, std::vector<std::string> fields, bool quiet) {
    Printed printed;
    printed.context.mode = mode;
    printed.context.fields = std::move(fields);
    printed.context.quiet = quiet;
    print_list(printed.context, items, table);
    return printed.out.str();
  };
  EXPECT_EQ(in(OutputMode::table, {}, false), "ID\na\nb\n");
  EXPECT_EQ(in(OutputMode::tsv, {}, false), "a\nb\n");
  EXPECT_EQ(in(OutputMode::table, {}, true), "a\nb\n");
  EXPECT_EQ(in(OutputMode::jsonl, {}, false), "{\"id\":\"a\",\"x\":{\"y\":1}}\n{\"id\":\"b\"}\n");
  EXPECT_EQ(in(OutputMode::jsonl, {"x.y"}, false), "{\"x.y\":1}\n{\"x.y\":null}\n");
  EXPECT_EQ(in(OutputMode::json, {"id"}, false),
            "{\n  \"items\": [\n    {\n      \"id\": \"a\"\n    },\n    {\n      \"id\": \"b\"\n"
            "    }\n  ]\n}\n");
}

TEST(Run, MapsErrorsToExitCodesAndSaysThemOnStandardError) {
  struct Case {
    Error error;
    Exit code;
  };
  Case const cases[] = {{invalid("x"), Exit::error},   {denied("x"), Exit::denied},
                        {not_found("x"), Exit::error}, {conflict("x"), Exit::conflict},
                        {corrupt("x"), Exit::error},   {retry("x"), Exit::error},
                        {internal("x"), Exit::error}};
  for (auto const& one : cases) {
    Printed printed;
    printed.context.work = [&]() -> Result<> { return one.error; };
    EXPECT_EQ(run(printed.context), one.code);
    EXPECT_EQ(printed.err.str(), "godwit: x\n");
    EXPECT_EQ(printed.out.str(), "");
  }
}

TEST(Run, AFullDiskIsNoSuccess) {
  Printed printed;
  printed.context.work = [&]() -> Result<> {
    printed.out.setstate(std::ios::badbit);
    return {};
  };
  EXPECT_EQ(run(printed.context), Exit::error);
}

TEST(Confirm, RefusesWhereNobodyCanBeAsked) {
  Printed printed;
  printed.context.no_input = true;
  auto const refused = confirm(printed.context, "revoke cam-1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "this would revoke cam-1, and nobody can be asked; add --yes");
  EXPECT_EQ(printed.context.exit, Exit::declined);

  Printed agreed;
  agreed.context.no_input = true;
  agreed.context.assume_yes = true;
  EXPECT_TRUE(confirm(agreed.context, "revoke cam-1"));
  // What nothing brings back wants its name, whatever else is agreed to.
  EXPECT_FALSE(confirm_by_name(agreed.context, "revoke cam-1, for good", "cam-1"));
  EXPECT_EQ(agreed.context.exit, Exit::declined);
  agreed.context.exit = Exit::good;
  agreed.context.confirmed = "cam-1";
  EXPECT_TRUE(confirm_by_name(agreed.context, "revoke cam-1, for good", "cam-1"));
  EXPECT_EQ(agreed.context.exit, Exit::good);
  EXPECT_FALSE(confirm_by_name(agreed.context, "revoke cam-2, for good", "cam-2"));
}

}  // namespace
}  // namespace godwit::cli
