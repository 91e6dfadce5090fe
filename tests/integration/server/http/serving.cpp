#include "tests/integration/server/http/serving.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "cli/publish/keys.h"
#include "cli/publish/release.h"
#include "proto/base/limits.h"
#include "proto/trust/keys.h"
#include "proto/trust/metadata.h"
#include "server/http/api.h"
#include "server/service/tokens.h"
#include "tests/support/postgres/postgres.h"

namespace godwit::test {
namespace fs = std::filesystem;
using namespace server;

class Serving::Answers : public AnswerStore {
 public:
  explicit Answers(Tokens& tokens) : tokens_(tokens) {}
  auto begin(Principal const& principal, std::string_view key, Sha256 const& content)
      -> Result<std::optional<Tokens::Answer>> override {
    return tokens_.begin_request(principal, key, content);
  }
  auto finish(Principal const& principal, std::string_view key, Tokens::Answer const& answer)
      -> Result<> override {
    return tokens_.finish_request(principal, key, answer);
  }
  auto drop(Principal const& principal, std::string_view key) -> Result<> override {
    return tokens_.drop_request(principal, key);
  }

 private:
  Tokens& tokens_;
};

struct Serving::Doors {
  Doors(Service& service, Metrics& metrics, AnswerStore& answers, HttpConfig const& config,
        std::vector<ListenerConfig> const& listeners)
      : api{service, metrics, "https://127.0.0.1", "127.0.0.1", 8883, [] { return true; }},
        for_operators(operator_routes(api)),
        for_devices(device_routes(api)),
        operators(for_operators, service_authenticate(service), answers, metrics),
        devices(for_devices, service_authenticate(service), answers, metrics),
        http(*HttpServer::listen(
            config, {{"operator", listeners[0], operators}, {"device", listeners[1], devices}},
            pool, metrics)) {
    http->serve();
  }
  ~Doors() {
    http->stop();
    pool.stop();
  }

  Api api;
  Router for_operators;
  Router for_devices;
  Dispatcher operators;
  Dispatcher devices;
  WorkerPool pool{2, 64};
  std::unique_ptr<HttpServer> http;
};

Serving::Serving(HttpConfig config) {
  auto const pki = folder_.path() / "pki";
  fs::create_directories(pki);
  issue(server_ca_, "server", true).write(pki, "server");
  device_ca_.write(pki, "device-ca");
  EXPECT_TRUE(cli::init_keys({folder_.path() / "keys"}, {.root_keys = 1,
                                                         .root_threshold = 1,
                                                         .root_expires_s = 4'000'000'000,
                                                         .targets_expires_s = 4'000'000'000}));
  auto const service = service_config();
  token_ = *create_first_token(service, clock_, "test", "admin");
  database_ = *Database::open(service.database_url, 1);
  service_ = *Service::open(service, clock_);
  answers_ = std::make_unique<Answers>(service_->tokens());
  ListenerConfig listener;
  listener.certificate = pki / "server.crt";
  listener.key = pki / "server.key";
  auto device = listener;
  device.client_ca = pki / "device-ca.crt";
  config.workers = 2;
  doors_ = std::make_unique<Doors>(*service_, metrics_, *answers_, config,
                                   std::vector{listener, device});
}

Serving::~Serving() = default;

auto Serving::service_config() const -> Config {
  auto const pki = folder_.path() / "pki";
  auto const keys = folder_.path() / "keys";
  Config config;
  config.database_url = Postgres::instance().fresh_database();
  config.connections = 3;
  config.data_dir = folder_.path() / "data";
  config.device_ca_certificate = pki / "device-ca.crt";
  config.device_ca_key = pki / "device-ca.key";
  config.image_root = keys / "image" / "root.json";
  config.director_root = keys / "director" / "root.json";
  config.director_key = keys / "director.key";
  config.sealing_key = keys / "server-seal.key";
  return config;
}

auto Serving::client(bool known) const -> std::unique_ptr<HttpsClient> {
  auto made = std::make_unique<HttpsClient>(doors_->http->port(0), server_ca_.certificate);
  if (known) made->default_headers = {{"Authorization", "Bearer " + token_}};
  return made;
}

auto Serving::token_of(std::string const& role) const -> std::string {
  return service_->tokens().create(role, role).value_or("");
}

auto Serving::client_as(std::string const& role) const -> std::unique_ptr<HttpsClient> {
  auto made = client(false);
  made->default_headers = {{"Authorization", "Bearer " + token_of(role)}};
  return made;
}

auto Serving::device_client(std::optional<Credentials> own) const -> std::unique_ptr<HttpsClient> {
  return std::make_unique<HttpsClient>(doors_->http->port(1), server_ca_.certificate,
                                       std::move(own));
}

auto Serving::enrol(std::string const& id) const -> Credentials {
  auto const operators = client();
  HttpHeaders const json = {{"Content-Type", "application/json"}};
  auto const token = operators->request("POST", "/api/v1/enrolment-tokens", "{}", json);
  EXPECT_EQ(token.status, 201) << token.body;
  Credentials own;
  own.key = make_key();
  auto const request =
      Json::object({{"token", Json::parse(token.body)->get_string("token").value_or("")},
                    {"device_id", id},
                    {"csr", make_csr(own.key, id)},
                    {"sealing_key", to_base64(Bytes(32, 9))},
                    {"hardware_id", "cam-v2"}});
  auto const reply = operators->request("POST", "/api/v1/enrol", request.dump(), json);
  EXPECT_EQ(reply.status, 201) << reply.body;
  own.certificate = Json::parse(reply.body)->get_string("certificate").value_or("");
  return own;
}

void Serving::publish(std::string const& model, std::string const& version) const {
  cli::ReleaseRequest const request{.model = *ModelName::parse(model),
                                    .version = *Version::parse(version),
                                    .targets_expires_s = 4'000'000'000};
  auto const release = cli::sign_release(
      {folder_.path() / "keys"}, std::string(GODWIT_SOURCE) + "/tests/fuzz/corpus/model/dense",
      request, folder_.path() / (model + "-" + version), clock_.now_ms() / 1000);
  ASSERT_TRUE(release) << release.error().what;
  auto const operators = client();
  auto const put = operators->request("PUT", "/api/v1/artifacts/" + release->target.sha256.hex(),
                                      std::string(as_text(release->artifact)));
  EXPECT_EQ(put.status, 201) << put.body;
  auto const body = Json::object(
      {{"version", version}, {"targets", release->targets}, {"key", *Json::parse(release->key)}});
  auto const post = operators->request("POST", "/api/v1/models/" + model + "/releases", body.dump(),
                                       {{"Content-Type", "application/json"}});
  EXPECT_EQ(post.status, 201) << post.body;
}

auto Serving::grow_repository(int releases) const -> size_t {
  auto const keys = folder_.path() / "keys";
  auto const file = keys / "image" / "targets.json";
  auto const document = *proto::SignedDocument::parse(text_of(file), limits::kMetadataBytesMax);
  auto targets = *proto::parse_targets(document.body());
  auto const sample = targets.targets.begin()->second;
  auto const model = *ModelName::parse("other");
  for (int i = 0; i < releases; ++i) {
    auto target = sample;
    target.release->model = model;
    target.release->version = *Version::parse(std::to_string(i) + ".0.0");
    targets.targets.emplace(proto::target_path(model, target.release->version), std::move(target));
  }
  ++targets.version;
  auto const key = *proto::SigningKey::from_pem(text_of(keys / "targets.key"));
  auto const text = *proto::sign_document(proto::to_json(targets), {key});
  write_file(file, text);
  return text.size();
}

auto Serving::state() const -> std::string {
  auto const rows = database_->transact([](Tx& tx) -> Result<std::string> {
    auto const tables = tx.run(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' ORDER BY 1");
    std::string all;
    for (size_t i = 0; i < tables.size(); ++i) {
      auto const name = tables[i].text();
      auto const found = tx.run_composed(
          "SELECT count(*), coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM " +
              name + " t",
          {});
      auto row = found[0];
      auto const count = row.number();
      all += name + " " + std::to_string(count) + " " + row.text() + "\n";
    }
    return all;
  });
  EXPECT_TRUE(rows) << rows.error().what;
  std::set<std::string> files;
  for (auto const& entry : fs::recursive_directory_iterator(folder_.path() / "data"))
    if (entry.is_regular_file()) files.insert(entry.path().filename());
  auto all = rows.value_or("");
  for (auto const& file : files) all += file + "\n";
  return all;
}

auto Serving::metric(std::string const& series) const -> uint64_t {
  std::istringstream text(metrics_.render());
  for (std::string line; std::getline(text, line);)
    if (line.starts_with(series + " ")) return std::stoull(line.substr(series.size() + 1));
  return 0;
}

auto Serving::answered(int status) const -> uint64_t {
  std::istringstream text(metrics_.render());
  uint64_t sum = 0;
  auto const code = "code=\"" + std::to_string(status) + "\"";
  for (std::string line; std::getline(text, line);)
    if (line.starts_with("godwit_http_requests_total{") && line.find(code) != std::string::npos)
      sum += std::stoull(line.substr(line.rfind(' ') + 1));
  return sum;
}

void expect_problem(HttpReply const& reply, int status, std::string const& code) {
  EXPECT_EQ(reply.status, status) << reply.body;
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.header("content-type"), "application/problem+json");
  auto const json = Json::parse(reply.body);
  ASSERT_TRUE(json) << reply.body;
  EXPECT_EQ(json->get_int("status").value_or(0), status);
  EXPECT_EQ(json->get_string("code").value_or(""), code) << reply.body;
  EXPECT_FALSE(json->get_string("request_id").value_or("").empty());
  EXPECT_FALSE(json->get_string("title").value_or("").empty());
  EXPECT_FALSE(json->get_string("detail").value_or("").empty());
}

}  // namespace godwit::test
