#include "server/runtime/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <type_traits>

#include "proto/json/json.h"

namespace godwit::server {
namespace {

/// Reads one leaf after another; the set of leaves read is the set of leaves that may be given.
class Leaves {
 public:
  Leaves(Json const& document, std::filesystem::path folder, Environment const& environment)
      : document_(document), folder_(std::move(folder)), environment_(environment) {}

  /// The environment's value, else the document's, else null.
  auto find(std::string const& path) -> std::optional<Json> {
    known_.push_back(path);
    std::string name = "GODWIT_SERVER_";
    for (char const c : path)
      name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (auto const* value = environment_(name.c_str())) return Json(value);
    Json const* node = &document_;
    for (size_t begin = 0; node && begin <= path.size();) {
      auto const end = std::min(path.find('.', begin), path.size());
      node = node->find(std::string_view(path).substr(begin, end - begin));
      begin = end + 1;
    }
    if (!node || node->is_null()) return std::nullopt;
    return *node;
  }

  auto read(std::string const& path, std::string& value) -> Result<> {
    auto const leaf = find(path);
    if (!leaf) return {};
    auto text = leaf->as_string();
    if (!text) return std::move(text).error().within(path);
    value = *std::move(text);
    return {};
  }

  auto read(std::string const& path, std::filesystem::path& value) -> Result<> {
    std::string text;
    TRY_VOID(read(path, text));
    if (!text.empty()) value = (folder_ / text).lexically_normal();
    return {};
  }

  auto read(std::string const& path, std::optional<std::filesystem::path>& value) -> Result<> {
    std::filesystem::path inner;
    TRY_VOID(read(path, inner));
    if (!inner.empty()) value = std::move(inner);
    return {};
  }

  auto read(std::string const& path, bool& value) -> Result<> {
    auto const leaf = find(path);
    if (!leaf) return {};
    if (leaf->is_bool()) {
      value = *leaf->as_bool();
      return {};
    }
    auto const text = leaf->as_string().value_or("");
    if (text != "true" && text != "false") return invalid(path + ": neither true nor false");
    value = text == "true";
    return {};
  }

  template <typename Unsigned>
  requires std::is_unsigned_v<Unsigned>
  auto read(std::string const& path, Unsigned& value) -> Result<> {
    auto const leaf = find(path);
    if (!leaf) return {};
    int64_t number = -1;
    if (leaf->is_int()) {
      number = *leaf->as_int();
    } else if (leaf->is_string()) {
      auto const text = *leaf->as_string();
      auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) number = -1;
    }
    if (number < 0 || number > int64_t{std::numeric_limits<Unsigned>::max()})
      return invalid(path + ": not a whole number in range");
    value = static_cast<Unsigned>(number);
    return {};
  }

  /// `invalid` for the first leaf of the document that nothing read.
  auto check_all_known(Json const& node, std::string const& path) const -> Result<> {
    if (!node.is_object()) {
      if (std::find(known_.begin(), known_.end(), path) == known_.end())
        return invalid("unknown setting '" + path + "'");
      return {};
    }
    for (auto const& [key, child] : node.members())
      TRY_VOID(check_all_known(child, path.empty() ? key : path + "." + key));
    return {};
  }

 private:
  Json const& document_;
  std::filesystem::path folder_;
  Environment const& environment_;
  std::vector<std::string> known_;
};

auto read_listener(Leaves& leaves, std::string const& name, ListenerConfig& listener) -> Result<> {
  TRY_VOID(leaves.read(name + ".address", listener.address));
  TRY_VOID(leaves.read(name + ".port", listener.port));
  TRY_VOID(leaves.read(name + ".certificate", listener.certificate));
  TRY_VOID(leaves.read(name + ".key", listener.key));
  return {};
}

auto read_files(Leaves& leaves, ServerConfig& config) -> Result<> {
  TRY_VOID(leaves.read("device.client_ca", config.devices.client_ca));
  TRY_VOID(leaves.read("device_ca.certificate", config.device_ca.certificate));
  TRY_VOID(leaves.read("device_ca.key", config.device_ca.key));
  TRY_VOID(leaves.read("trust.image_root", config.trust.image_root));
  TRY_VOID(leaves.read("trust.director_root", config.trust.director_root));
  TRY_VOID(leaves.read("trust.director_key", config.trust.director_key));
  TRY_VOID(leaves.read("trust.sealing_key", config.trust.sealing_key));
  return {};
}

auto read_mqtt(Leaves& leaves, ServerConfig& config) -> Result<> {
  TRY_VOID(leaves.read("mqtt.host", config.mqtt.host));
  TRY_VOID(leaves.read("mqtt.port", config.mqtt.port));
  TRY_VOID(leaves.read("mqtt.ca", config.mqtt.ca));
  TRY_VOID(leaves.read("mqtt.certificate", config.mqtt.certificate));
  TRY_VOID(leaves.read("mqtt.key", config.mqtt.key));
  TRY_VOID(leaves.read("advertise.device_url", config.advertise.device_url));
  config.advertise.mqtt_host = config.mqtt.host;
  TRY_VOID(leaves.read("advertise.mqtt_host", config.advertise.mqtt_host));
  TRY_VOID(leaves.read("advertise.mqtt_port", config.advertise.mqtt_port));
  return {};
}

auto read_http(Leaves& leaves, HttpConfig& http) -> Result<> {
  TRY_VOID(leaves.read("http.idle_timeout_ms", http.idle_timeout_ms));
  TRY_VOID(leaves.read("http.request_timeout_ms", http.request_timeout_ms));
  TRY_VOID(leaves.read("http.grace_ms", http.grace_ms));
  TRY_VOID(leaves.read("http.connections_max", http.connections_max));
  TRY_VOID(leaves.read("http.io_threads", http.io_threads));
  TRY_VOID(leaves.read("http.workers", http.workers));
  if (http.io_threads < 1 || http.io_threads > 64 || http.workers < 1 || http.workers > 256)
    return invalid("http: io_threads must be 1..64, workers 1..256");
  return {};
}

auto read_deltas(Leaves& leaves, DeltaConfig& deltas) -> Result<> {
  TRY_VOID(leaves.read("deltas.cpu_percent", deltas.cpu_percent));
  TRY_VOID(leaves.read("deltas.memory_mib", deltas.memory_mib));
  TRY_VOID(leaves.read("deltas.cache_mib", deltas.cache_mib));
  TRY_VOID(leaves.read("deltas.sources", deltas.sources));
  if (deltas.cpu_percent < 1 || deltas.cpu_percent > 100)
    return invalid("deltas.cpu_percent must be 1..100");
  return {};
}

/// Settings without which no command works; `run` finds the others missing when it opens them.
auto check_required(ServerConfig const& config) -> Result<> {
  if (config.database.empty()) return invalid("'database' is missing");
  if (config.data_dir.empty()) return invalid("'data_dir' is missing");
  if (config.scheduler_tick_ms == 0) return invalid("scheduler_tick_ms: must not be 0");
  return {};
}

}  // namespace

auto parse_config(std::string_view text, std::filesystem::path const& folder,
                  Environment const& environment) -> Result<ServerConfig> {
  TRY(auto const document, Json::parse(text));
  if (!document.is_object()) return invalid("not a JSON object");
  Leaves leaves(document, folder, environment);
  ServerConfig config;
  TRY_VOID(leaves.read("database", config.database));
  TRY_VOID(leaves.read("data_dir", config.data_dir));
  TRY_VOID(leaves.read("migrations_dir", config.migrations_dir));
  TRY_VOID(read_listener(leaves, "operator", config.operators));
  TRY_VOID(read_listener(leaves, "device", config.devices));
  TRY_VOID(read_files(leaves, config));
  TRY_VOID(read_mqtt(leaves, config));
  TRY_VOID(leaves.read("ports_file", config.ports_file));
  TRY_VOID(leaves.read("log.level", config.log.level));
  TRY_VOID(leaves.read("log.json", config.log.json));
  TRY_VOID(leaves.read("scheduler_tick_ms", config.scheduler_tick_ms));
  TRY_VOID(read_deltas(leaves, config.deltas));
  TRY_VOID(read_http(leaves, config.http));
  TRY_VOID(leaves.check_all_known(document, ""));
  TRY_VOID(check_required(config));
  return config;
}

auto load_config(std::filesystem::path const& file, Environment const& environment)
    -> Result<ServerConfig> {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return not_found("cannot read " + file.string());
  std::string const text(std::istreambuf_iterator<char>(stream), {});
  std::error_code error;
  auto const absolute = std::filesystem::absolute(file, error);
  if (error) return internal("finding the folder of " + file.string() + ": " + error.message());
  return parse_config(text, absolute.parent_path(), environment).within(file.string());
}

}  // namespace godwit::server
