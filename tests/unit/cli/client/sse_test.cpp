#include "cli/client/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace godwit::cli {
namespace {

struct Heard {
  std::string type;
  std::string data;
  std::string id;
  auto operator==(Heard const&) const -> bool = default;
};

/// What is heard when the stream comes in pieces of `size`.
auto hear(std::string const& stream, size_t size) -> std::vector<Heard> {
  std::vector<Heard> heard;
  EventParser parser;
  for (size_t at = 0; at < stream.size(); at += size) {
    auto const fed = parser.feed(stream.substr(at, size), [&](Event const& event) -> Result<> {
      heard.push_back({event.type, event.data, event.id});
      return {};
    });
    EXPECT_TRUE(fed);
  }
  return heard;
}

TEST(EventParser, AnyPiecesAnyLineEnds) {
  std::string const stream =
      "\xef\xbb\xbf: heartbeat\n\nid: 7\nevent: rollout\ndata: {\"a\":\ndata: 1}\n\n"
      "data:x\r\rdata\r\n\r\nevent: unheard\n\n"
      "data: last\nid\nretry: 10\nstrange: field\n\ndata: unfinished\n";
  std::vector<Heard> const expected = {{"rollout", "{\"a\":\n1}", "7"},
                                       {"message", "x", "7"},
                                       {"message", "", "7"},
                                       {"message", "last", ""}};
  for (size_t size = 1; size <= stream.size(); ++size)
    EXPECT_EQ(hear(stream, size), expected) << size;
}

TEST(EventParser, AnErrorOfTheListenerStopsIt) {
  EventParser parser;
  int heard = 0;
  auto const fed = parser.feed("data: 1\n\ndata: 2\n\n", [&](Event const&) -> Result<> {
    ++heard;
    return conflict("enough");
  });
  EXPECT_FALSE(fed);
  EXPECT_EQ(heard, 1);
}

TEST(EventParser, IsBounded) {
  EventParser parser;
  auto const ignore = [](Event const&) -> Result<> { return {}; };
  EXPECT_EQ(parser.feed("data: " + std::string(2u << 20, 'x'), ignore).error().code, Code::corrupt);
  EventParser lines;
  auto const line = "data: " + std::string(1u << 19, 'x') + "\n";
  Result<> fed;
  for (int i = 0; i < 9 && fed; ++i) fed = lines.feed(line, ignore);
  EXPECT_FALSE(fed);
}

TEST(EventParser, RestartKeepsTheIdAndForgetsTheRest) {
  EventParser parser;
  std::vector<std::string> heard;
  auto const listen = [&](Event const& event) -> Result<> {
    heard.push_back(event.id + event.data);
    return {};
  };
  EXPECT_TRUE(parser.feed("id: 3\ndata: a\n\ndata: half of", listen));
  parser.restart();
  EXPECT_EQ(parser.last_id(), "3");
  EXPECT_TRUE(parser.feed("data: b\n\n", listen));
  EXPECT_EQ(heard, (std::vector<std::string>{"3a", "3b"}));
}

}  // namespace
}  // namespace godwit::cli
