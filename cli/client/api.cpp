#include "cli/client/api.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <thread>

#include "cli/client/servers.h"

namespace godwit::cli {
namespace {

using std::chrono::milliseconds;

constexpr int kTriesMax = 4;
constexpr milliseconds kBackoffFirst{200};
constexpr milliseconds kRetryAfterMax{10'000};
constexpr size_t kPageItems = 500;
constexpr size_t kPagesMax = 2000;
constexpr milliseconds kEventsIdle{45'000};  // three of the server's heartbeats
constexpr milliseconds kReopenMax{5'000};
constexpr milliseconds kHurry{1'500};

auto kind_of(int status) -> Code {
  if (status == 401 || status == 403) return Code::denied;
  if (status == 404) return Code::not_found;
  if (status == 409 || status == 412) return Code::conflict;
  if (status == 408 || status == 429 || status == 502 || status == 503 || status == 504)
    return Code::retry;
  return status >= 500 ? Code::internal : Code::invalid;
}

auto next_step(int status) -> char const* {
  if (status == 401) return "; check the token: --token-file, GODWIT_TOKEN or godwit context show";
  if (status == 412) return "; read it again, then repeat";
  return "";
}

auto random_bits() -> uint64_t {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

auto random_hex() -> std::string {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (uint64_t bits : {random_bits(), random_bits()})
    for (int i = 0; i < 16; ++i, bits >>= 4) out += kHex[bits & 15];
  return out;
}

/// Between half and the whole, so that many clients do not return at once.
auto jittered(milliseconds whole) -> milliseconds {
  auto const half = whole / 2;
  return half + milliseconds(random_bits() % static_cast<uint64_t>(half.count() + 1));
}

auto retry_after(HttpResponse const& response) -> milliseconds {
  auto const found = response.headers.find("retry-after");
  if (found == response.headers.end()) return {};
  uint32_t seconds = 0;
  auto const& text = found->second;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::min(milliseconds(1000) * std::min(seconds, 60u), kRetryAfterMax);
}

auto is_passing(Error const& error) -> bool {
  return error.code == Code::retry || error.code == Code::internal;
}

/// Sleeps in small steps, so that a person who has enough is heard.
auto pause(milliseconds whole, std::function<Result<>()> const& on_tick) -> Result<> {
  constexpr milliseconds kStep{100};
  for (milliseconds left = whole; left.count() > 0; left -= kStep) {
    if (on_tick) TRY_VOID(on_tick());
    std::this_thread::sleep_for(std::min(left, kStep));
  }
  return {};
}

}  // namespace

auto problem(HttpResponse const& response) -> Error {
  int const status = response.status;
  auto const number = std::to_string(status);
  auto const type = response.headers.find("content-type");
  bool const is_problem =
      type != response.headers.end() && type->second.starts_with("application/problem+json");
  auto const json = is_problem ? Json::parse(response.body) : Result<Json>(invalid(""));
  if (status / 100 == 3)
    return invalid("the server answered with a redirect (" + number + "), which is not followed");
  if (!json) return {kind_of(status), "the server answered " + number + next_step(status)};
  auto const member = [&](char const* key) { return json->get_string_or(key, "").value_or(""); };
  auto what = member("detail");
  if (what.empty()) what = member("title");
  if (what.empty()) what = "the server answered " + number;
  what += next_step(status);
  if (auto const role = member("needed_role"); !role.empty())
    what += "; an administrator makes one: godwit-server token create --role " + role;
  if (auto const id = member("request_id"); !id.empty() && status >= 500)
    what += " (request " + id + ")";
  return {kind_of(status), what};
}

auto Api::connect(Context const& context) -> Result<Api> {
  TRY(auto const path, servers_path(process_environment));
  TRY(auto const saved, load_servers(path));
  TRY(auto endpoint, choose_server(context, saved, process_environment));
  return Api(std::move(endpoint));
}

auto Api::hurried() const -> Api {
  Api api = *this;
  api.hurried_ = true;
  return api;
}

auto Api::request(HttpRequest const& request, HttpOptions options) const -> Result<HttpResponse> {
  if (hurried_) options.connect_timeout = options.idle_timeout = kHurry;
  for (int tries = 1;; ++tries) {
    auto response = exchange(endpoint_, request, options);
    bool const repeat = response
                            ? kind_of(response->status) == Code::retry && response->status >= 400
                            : response.error().code == Code::retry;
    if (!repeat || tries == kTriesMax || hurried_) {
      if (response && response->status / 100 != 2) return problem(*response);
      return response;
    }
    auto const wait = jittered(kBackoffFirst * (1 << (tries - 1)));
    std::this_thread::sleep_for(response ? std::max(wait, retry_after(*response)) : wait);
  }
}

auto Api::request_json(HttpRequest request) const -> Result<Reply> {
  request.headers["accept"] = "application/json";
  if (!request.body.empty()) request.headers["content-type"] = "application/json";
  TRY(auto const response, this->request(request));
  Reply reply{.json = Json(), .etag = {}, .status = response.status};
  if (auto const etag = response.headers.find("etag"); etag != response.headers.end())
    reply.etag = etag->second;
  if (response.body.empty()) return reply;
  auto json = Json::parse(response.body, {.bytes_max = response.body.size()});
  if (!json) return corrupt("the server's answer is no JSON: " + json.error().what);
  reply.json = *std::move(json);
  return reply;
}

auto Api::get_tagged(std::string const& path) const -> Result<Reply> {
  return request_json({.method = "GET", .target = path});
}

auto Api::get(std::string const& path) const -> Result<Json> {
  TRY(auto reply, get_tagged(path));
  return std::move(reply.json);
}

auto Api::post(std::string const& path, Json const& body) const -> Result<Json> {
  TRY(auto reply, request_json({.method = "POST",
                                .target = path,
                                .headers = {{"idempotency-key", random_hex()}},
                                .body = body.dump()}));
  return std::move(reply.json);
}

auto Api::put(std::string const& path, Json const& body) const -> Result<Reply> {
  return request_json({.method = "PUT", .target = path, .body = body.dump()});
}

auto Api::patch(std::string const& path, Json const& body, std::string const& etag) const
    -> Result<Json> {
  HttpRequest request{.method = "PATCH", .target = path, .body = body.dump()};
  if (!etag.empty()) request.headers["if-match"] = etag;
  TRY(auto reply, request_json(std::move(request)));
  return std::move(reply.json);
}

auto Api::remove(std::string const& path) const -> Result<> {
  TRY([[maybe_unused]] auto reply, request_json({.method = "DELETE", .target = path}));
  return {};
}

auto Api::list(std::string const& path, size_t items_max) const -> Result<Json> {
  char const separator = path.find('?') == std::string::npos ? '?' : '&';
  Json all = Json::array();
  std::string cursor;
  for (size_t page_no = 0; page_no < kPagesMax; ++page_no) {
    size_t const wanted = items_max ? std::min(items_max - all.size(), kPageItems) : kPageItems;
    auto target = path + separator + "limit=" + std::to_string(wanted);
    if (!cursor.empty()) target += "&cursor=" + escaped(cursor);
    TRY(auto const page, get(target));
    TRY(auto const items, page.get_array("items").within("the server's list"));
    for (Json const& item : items.items()) all.push_back(item);
    TRY(cursor, page.get_string_or("next", "").within("the server's list"));
    if (cursor.empty() || (items_max && all.size() >= items_max)) return all;
  }
  return corrupt("the server's list does not end");
}

auto Api::upload(std::string const& path, std::string const& file,
                 std::function<void(uint64_t, uint64_t)> on_sent) const -> Result<int> {
  HttpRequest const put{.method = "PUT",
                        .target = path,
                        .headers = {{"content-type", "application/octet-stream"}},
                        .body_file = file};
  HttpOptions options;
  options.on_sent = std::move(on_sent);
  TRY(auto const response, request(put, options));
  return response.status;
}

auto Api::follow(std::string const& path, Follow const& follow) const -> Result<> {
  EventParser parser;
  bool enough = false;
  bool ours = false;  // an error of our caller's functions, not of the network
  int failures = 0;
  auto const mark = [&](Result<> result) {
    ours = ours || !result;
    return result;
  };
  HttpOptions options;
  options.idle_timeout = kEventsIdle;
  options.on_open = [&]() -> Result<> {
    failures = 0;
    auto opened = follow.on_open ? follow.on_open() : Result<>();
    // What it asks may fail in passing as the stream does: then both begin again.
    return opened || is_passing(opened.error()) ? opened : mark(std::move(opened));
  };
  options.on_tick = [&] { return mark(follow.on_tick ? follow.on_tick() : Result<>()); };
  auto const on_event = [&](Event const& event) -> Result<> {
    auto const more = follow.on_event(event);
    if (!more) return mark(more.error());
    enough = !*more;
    return enough ? mark(retry("enough")) : Result<>();
  };
  options.on_data = [&](std::string_view part) { return parser.feed(part, on_event); };

  for (;;) {
    HttpRequest get{.method = "GET", .target = path, .headers = {{"accept", "text/event-stream"}}};
    if (!parser.last_id().empty()) get.headers["last-event-id"] = parser.last_id();
    parser.restart();
    auto const response = exchange(endpoint_, get, options);
    if (enough) return {};
    auto error = retry("the server ended the stream of events");
    if (!response) error = response.error();
    if (response && response->status / 100 != 2) error = problem(*response);
    if (ours || !is_passing(error)) return error;
    if (follow.on_lost) follow.on_lost(error);
    auto const wait = std::min(kReopenMax, kBackoffFirst * (1 << std::min(failures++, 5)));
    TRY_VOID(pause(jittered(wait), follow.on_tick));
  }
}

}  // namespace godwit::cli
