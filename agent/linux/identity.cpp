#include "agent/linux/identity.h"

#include "proto/json/json.h"

namespace godwit::agent {
namespace {

constexpr size_t kTextBytesMax = 64u << 10;

}  // namespace

auto encode(Endpoints const& endpoints) -> std::string {
  return Json::object({{"device_id", endpoints.device.str()},
                       {"device_url", endpoints.device_url},
                       {"mqtt", Json::object({{"host", endpoints.mqtt_host},
                                              {"port", int64_t{endpoints.mqtt_port}}})}})
      .dump(2);
}

auto decode_endpoints(std::string_view text) -> Result<Endpoints> {
  TRY(auto const json, Json::parse(text));
  TRY(auto const id, json.get_string("device_id"));
  TRY(auto device, DeviceId::parse(id));
  Endpoints endpoints{std::move(device), {}, {}, 0};
  TRY(endpoints.device_url, json.get_string("device_url"));
  TRY(auto const mqtt, json.get_object("mqtt"));
  TRY(endpoints.mqtt_host, mqtt.get_string("host"));
  TRY(auto const port, mqtt.get_int("port"));
  if (port < 1 || port > 65535) return invalid("mqtt.port is no port");
  endpoints.mqtt_port = static_cast<uint16_t>(port);
  return endpoints;
}

auto load_endpoints(Files const& files) -> Result<Endpoints> {
  TRY(auto const text, load_text(files, identity_file::kEndpoints));
  return decode_endpoints(text).within(identity_file::kEndpoints);
}

auto store_whole(Files& files, std::string_view name, std::string_view text) -> Result<> {
  auto const draft = std::string(name) + ".new";
  TRY_VOID(files.remove(draft));
  TRY_VOID(files.write(draft, 0, as_bytes(text)));
  TRY_VOID(files.sync(draft));
  TRY_VOID(files.rename(draft, name));
  return files.sync_folder();
}

auto load_text(Files const& files, std::string_view name) -> Result<std::string> {
  TRY(auto const bytes, files.read(name, 0, kTextBytesMax));
  return std::string(as_text(bytes));
}

}  // namespace godwit::agent
