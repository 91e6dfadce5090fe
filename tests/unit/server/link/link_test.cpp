#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "proto/json/json.h"
#include "server/link/codec.h"
#include "server/link/lanes.h"

namespace godwit::server {
namespace {

auto raw(std::string const& device, proto::Up up, std::string payload) -> RawMessage {
  return {{*DeviceId::parse(device), up}, std::move(payload)};
}

TEST(LinkCodec, DecodesEachKind) {
  proto::Hello hello;
  hello.epoch = 3;
  auto const message = decode(raw("cam-1", proto::Up::hello, encode(hello)));
  ASSERT_TRUE(message) << message.error().what;
  EXPECT_EQ(std::get<proto::Hello>(message->content).epoch, 3u);
  auto const presence =
      decode(raw("cam-1", proto::Up::presence, encode(proto::Presence{7, false})));
  ASSERT_TRUE(presence);
  EXPECT_EQ(std::get<proto::Presence>(presence->content).epoch, 7u);
}

TEST(LinkCodec, TellsASenderThatGaveItsNumberWhyItWasRefused) {
  auto const bad = raw("cam-1", proto::Up::job, R"({"v":1,"epoch":4,"seq":9,"state":"flying"})");
  ASSERT_FALSE(decode(bad));
  auto const refusal = refusal_of(bad);
  ASSERT_TRUE(refusal);
  auto const publication = encode(*refusal);
  EXPECT_EQ(publication.topic, "v1/d/cam-1/dn/ack");
  EXPECT_EQ(publication.qos, 0);
  auto const ack = proto::decode_ack(publication.payload);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->seq, 9u);
  EXPECT_EQ(ack->error, "invalid_message");
}

TEST(LinkCodec, MalformedBytesAreRefusedInSilence) {
  for (auto const* payload : {"", "{", "[]", "null", "\xff\xfe", R"({"v":1,"epoch":-4,"seq":9})",
                              R"({"v":1,"epoch":"x","seq":9})", R"({"v":2})"}) {
    auto const bad = raw("cam-1", proto::Up::job, payload);
    EXPECT_FALSE(decode(bad)) << payload;
    EXPECT_FALSE(refusal_of(bad)) << payload;
  }
}

TEST(LinkCodec, HintsGoAtLeastOnce) {
  auto const publication =
      encode(DownMessage{*DeviceId::parse("cam-1"), proto::JobHint{5, 1, "update", "ic", 0}});
  EXPECT_EQ(publication.topic, "v1/d/cam-1/dn/job");
  EXPECT_EQ(publication.qos, 1);
}

TEST(Lanes, KeepTheOrderOfEachDevice) {
  constexpr int kDevices = 50;
  constexpr int kMessages = 200;
  std::mutex mutex;
  std::map<std::string, std::vector<int>> seen;
  Lanes lanes(4, kDevices * kMessages, 16, [&](std::vector<RawMessage> batch) {
    std::lock_guard const lock(mutex);
    for (auto const& message : batch)
      seen[message.topic.device.str()].push_back(std::stoi(message.payload));
  });
  for (int i = 0; i < kMessages; ++i)
    for (int device = 0; device < kDevices; ++device)
      ASSERT_TRUE(lanes.push(raw("d" + std::to_string(device), proto::Up::job, std::to_string(i))));
  lanes.stop();
  ASSERT_EQ(seen.size(), size_t{kDevices});
  for (auto const& [device, numbers] : seen) {
    ASSERT_EQ(numbers.size(), size_t{kMessages}) << device;
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << device;
  }
}

TEST(Lanes, AFullLaneRefusesAndSaysThatItIsCrowded) {
  std::mutex gate;
  gate.lock();
  std::atomic<bool> running = false;
  Lanes lanes(1, 4, 1, [&](std::vector<RawMessage>) {
    running = true;
    std::lock_guard const wait(gate);
  });
  ASSERT_TRUE(lanes.push(raw("a", proto::Up::job, "")));
  while (!running) std::this_thread::yield();
  EXPECT_FALSE(lanes.crowded());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(lanes.push(raw("a", proto::Up::job, "")));
  EXPECT_TRUE(lanes.crowded());
  EXPECT_FALSE(lanes.push(raw("a", proto::Up::job, "")));
  gate.unlock();
  lanes.stop();
  EXPECT_FALSE(lanes.push(raw("a", proto::Up::job, "")));
}

}  // namespace
}  // namespace godwit::server
