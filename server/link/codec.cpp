#include "server/link/codec.h"

#include "proto/base/limits.h"
#include "proto/json/json.h"

namespace godwit::server {

auto decode(RawMessage const& message) -> Result<UpMessage> {
  switch (message.topic.up) {
    case proto::Up::hello: {
      TRY(auto hello, proto::decode_hello(message.payload));
      return UpMessage{message.topic.device, std::move(hello)};
    }
    case proto::Up::job: {
      TRY(auto report, proto::decode_job_report(message.payload));
      return UpMessage{message.topic.device, std::move(report)};
    }
    case proto::Up::presence: {
      TRY(auto const presence, proto::decode_presence(message.payload));
      return UpMessage{message.topic.device, presence};
    }
  }
  return internal("an uplink topic of no kind");
}

auto refusal_of(RawMessage const& message) -> std::optional<DownMessage> {
  auto const json = Json::parse(message.payload, {.bytes_max = limits::kDeviceMessageBytesMax});
  if (!json) return std::nullopt;
  auto const epoch = json->get_int("epoch").value_or(-1);
  auto const seq = json->get_int("seq").value_or(-1);
  if (epoch < 0 || seq < 0) return std::nullopt;
  return DownMessage{
      message.topic.device,
      proto::Ack{static_cast<uint64_t>(epoch), static_cast<uint64_t>(seq), "invalid_message", ""}};
}

auto encode(DownMessage const& message) -> Publication {
  if (auto const* hint = std::get_if<proto::JobHint>(&message.content))
    return {topic(message.device, proto::Down::job), proto::encode(*hint), 1};
  auto const& ack = std::get<proto::Ack>(message.content);
  return {topic(message.device, proto::Down::ack), proto::encode(ack), 0};
}

}  // namespace godwit::server
