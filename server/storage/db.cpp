#include "server/storage/db.h"

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <pqxx/pqxx>
#include <random>
#include <thread>
#include <unordered_map>

namespace godwit::server {
namespace {

constexpr int kTriesMax = 12;
constexpr auto kPoolWait = std::chrono::seconds(30);

/// Sleeps a random time that grows with the try: two transactions that met shall not meet again.
void back_off(int tries) {
  thread_local std::minstd_rand random{std::random_device{}()};
  int const ceiling_us = 1000 << std::min(tries, 7);
  std::this_thread::sleep_for(
      std::chrono::microseconds(std::uniform_int_distribution<int>(100, ceiling_us)(random)));
}

auto trimmed(char const* what) -> std::string {
  std::string text(what);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

auto parse_number(std::string_view text) -> int64_t {
  int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw pqxx::conversion_error("not an integer: " + std::string(text));
  return value;
}

auto parse_bytes(std::string_view text) -> Bytes {
  auto bytes = from_hex(text.starts_with("\\x") ? text.substr(2) : text);
  if (!bytes) throw pqxx::conversion_error("not bytea in hexadecimal");
  return *std::move(bytes);
}

}  // namespace

Param::Param(std::string text) {
  std::erase(text, '\0');
  text_ = std::move(text);
}

Param::Param(double value) {
  std::array<char, 32> buffer{};
  auto const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  text_ = std::string(buffer.data(), end);
}

Param::Param(std::vector<std::string> const& items) {
  std::string text = "{";
  for (auto const& item : items) {
    if (text.size() > 1) text += ',';
    text += '"';
    for (char c : item) {
      if (c == '"' || c == '\\') text += '\\';
      if (c != '\0') text += c;
    }
    text += '"';
  }
  text_ = text + "}";
}

Param::Param(std::vector<int64_t> const& items) {
  std::string text = "{";
  for (auto item : items) {
    if (text.size() > 1) text += ',';
    text += std::to_string(item);
  }
  text_ = text + "}";
}

auto Row::next() -> std::optional<std::string_view> {
  auto const& result = *static_cast<pqxx::result const*>(result_.get());
  auto const field = result.at(static_cast<pqxx::result::size_type>(row_))
                         .at(static_cast<pqxx::row::size_type>(column_++));
  if (field.is_null()) return std::nullopt;
  return std::string_view(field.c_str(), field.size());
}

auto Row::required() -> std::string_view {
  auto const value = next();
  if (!value)
    throw pqxx::conversion_error("column " + std::to_string(column_ - 1) + " must not be null");
  return *value;
}

auto Row::number() -> int64_t {
  return parse_number(required());
}
auto Row::real() -> double {
  auto const text = std::string(required());
  return std::stod(text);
}
auto Row::bytes() -> Bytes {
  return parse_bytes(required());
}
auto Row::sha256() -> Sha256 {
  auto const value = bytes();
  Sha256 digest;
  if (value.size() != digest.bytes.size()) throw pqxx::conversion_error("not 32 bytes");
  std::copy(value.begin(), value.end(), digest.bytes.begin());
  return digest;
}
auto Row::texts() -> std::vector<std::string> {
  std::vector<std::string> items;
  auto const text = required();
  pqxx::array_parser parser(text.data());
  for (auto item = parser.get_next(); item.first != pqxx::array_parser::juncture::done;
       item = parser.get_next())
    if (item.first == pqxx::array_parser::juncture::string_value) items.push_back(item.second);
  return items;
}

auto Row::text_or_null() -> std::optional<std::string> {
  auto const value = next();
  return value ? std::optional(std::string(*value)) : std::nullopt;
}
auto Row::number_or_null() -> std::optional<int64_t> {
  auto const value = next();
  return value ? std::optional(parse_number(*value)) : std::nullopt;
}
auto Row::natural_or_null() -> std::optional<uint64_t> {
  auto const value = number_or_null();
  return value ? std::optional(static_cast<uint64_t>(*value)) : std::nullopt;
}
auto Row::real_or_null() -> std::optional<double> {
  auto const value = next();
  return value ? std::optional(std::stod(std::string(*value))) : std::nullopt;
}
auto Row::bytes_or_null() -> std::optional<Bytes> {
  auto const value = next();
  return value ? std::optional(parse_bytes(*value)) : std::nullopt;
}
auto Row::sha256_or_null() -> std::optional<Sha256> {
  auto const value = next();
  if (!value) return std::nullopt;
  --column_;
  return sha256();
}

struct Tx::Connection {
  explicit Connection(std::string const& url) : link(url) {}
  pqxx::connection link;
  std::unordered_map<char const*, std::string> prepared;  // by the address of the literal
};

namespace {

auto rows_of(pqxx::result result) -> Rows {
  auto const size = static_cast<size_t>(result.size());
  auto const affected = static_cast<size_t>(result.affected_rows());
  return Rows(std::make_shared<pqxx::result const>(std::move(result)), size, affected);
}

auto pointers(auto const& params) -> std::vector<char const*> {
  std::vector<char const*> result;
  for (auto const& param : params) result.push_back(param.c_str());
  return result;
}

}  // namespace

auto Tx::run(char const* sql, std::initializer_list<Param> params) -> Rows {
  auto& work = *static_cast<pqxx::work*>(work_);
  auto [entry, added] = connection_.prepared.try_emplace(sql);
  if (added) {
    entry->second = "s" + std::to_string(connection_.prepared.size());
    connection_.link.prepare(entry->second, sql);
  }
  return rows_of(
      work.exec_prepared(entry->second, pqxx::prepare::make_dynamic_params(pointers(params))));
}

auto Tx::run_composed(std::string const& sql, std::vector<Param> const& params) -> Rows {
  auto& work = *static_cast<pqxx::work*>(work_);
  return rows_of(work.exec_params(sql, pqxx::prepare::make_dynamic_params(pointers(params))));
}

void Tx::run_script(std::string const& sql) {
  static_cast<pqxx::work*>(work_)->exec(sql);
}

struct Database::State {
  std::string url;
  int connections_max = 1;
  std::mutex mutex;
  std::condition_variable returned;
  int connections = 0;
  std::vector<std::unique_ptr<Tx::Connection>> idle;
  std::mutex listener_mutex;
  std::unique_ptr<pqxx::connection> listener;
  std::unique_ptr<pqxx::notification_receiver> receiver;

  /// A free connection, perhaps a new one; null when none came free in time.
  auto take() -> std::unique_ptr<Tx::Connection> {
    std::unique_lock lock(mutex);
    auto const free = [this] { return !idle.empty() || connections < connections_max; };
    if (!returned.wait_for(lock, kPoolWait, free)) return nullptr;
    if (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      return connection;
    }
    ++connections;
    lock.unlock();
    try {
      return std::make_unique<Tx::Connection>(url);
    } catch (...) {
      lose();
      throw;
    }
  }
  void give(std::unique_ptr<Tx::Connection> connection) {
    {
      std::lock_guard lock(mutex);
      idle.push_back(std::move(connection));
    }
    returned.notify_one();
  }
  void lose() {
    {
      std::lock_guard lock(mutex);
      --connections;
    }
    returned.notify_one();
  }
};

namespace {

class Ears : public pqxx::notification_receiver {
 public:
  explicit Ears(pqxx::connection_base& link) : notification_receiver(link, "godwit_events") {}
  void operator()(std::string const&, int) override {}
};

}  // namespace

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}

Database::~Database() {
  state_->receiver.reset();  // before its connection
}

auto Database::open(std::string url, int connections) -> Result<std::unique_ptr<Database>> {
  auto state = std::make_unique<State>();
  state->url = std::move(url);
  state->connections_max = std::max(connections, 1);
  std::unique_ptr<Database> database(new Database(std::move(state)));
  TRY_VOID(database
               ->run([](Tx& tx) -> Result<> {
                 tx.run("SELECT 1");
                 return {};
               })
               .within("opening the database"));
  return database;
}

/// One try on one connection. True in `again`: worth another.
static auto attempt_once(Tx::Connection&, std::function<Result<>(pqxx::work&)> const& body,
                         bool& again, bool& broken) -> Result<>;

auto Database::run(std::function<Result<>(Tx&)> const& body) -> Result<> {
  for (int tries = 1;; ++tries) {
    bool again = false;
    bool broken = false;
    Result<> outcome = [&]() -> Result<> {
      std::unique_ptr<Tx::Connection> connection;
      try {
        connection = state_->take();
      } catch (std::exception const& e) {
        again = tries < 3;
        return retry("database: " + trimmed(e.what()));
      }
      if (!connection) return retry("database: every connection is busy");
      auto inner = attempt_once(
          *connection,
          [&](pqxx::work& work) {
            Tx tx(*connection, &work);
            return body(tx);
          },
          again, broken);
      if (broken) {
        connection.reset();
        state_->lose();
      } else {
        state_->give(std::move(connection));
      }
      return inner;
    }();
    if (outcome || !again || tries == kTriesMax) return outcome;
    back_off(tries);
  }
}

static auto attempt_once(Tx::Connection& connection,
                         std::function<Result<>(pqxx::work&)> const& body, bool& again,
                         bool& broken) -> Result<> {
  bool committing = false;
  try {
    pqxx::work work(connection.link);
    TRY_VOID(body(work));
    committing = true;
    work.commit();
    return {};
  } catch (pqxx::transaction_rollback const& e) {  // no sql_error in 6.4
    again = true;
    return retry("database: " + trimmed(e.what()));
  } catch (pqxx::in_doubt_error const& e) {
    broken = true;
    return retry("database: the end of a commit is unknown: " + trimmed(e.what()));
  } catch (pqxx::broken_connection const& e) {
    broken = true;
    again = !committing;
    return retry("database: " + trimmed(e.what()));
  } catch (pqxx::data_exception const& e) {
    // Text of a caller that is not UTF-8; any other of this class is our mistake.
    return e.sqlstate() == "22021" ? invalid("text that is not UTF-8")
                                   : internal("database: " + trimmed(e.what()));
  } catch (pqxx::unique_violation const& e) {
    return conflict("database: " + trimmed(e.what()));
  } catch (pqxx::foreign_key_violation const& e) {
    return conflict("database: " + trimmed(e.what()));
  } catch (pqxx::plpgsql_raise const& e) {
    return conflict("database: " + trimmed(e.what()));
  } catch (std::exception const& e) {
    broken = !connection.link.is_open();
    return broken ? retry("database: " + trimmed(e.what()))
                  : internal("database: " + trimmed(e.what()));
  }
}

auto Database::wait_for_event(int64_t timeout_ms) -> Result<bool> {
  std::lock_guard lock(state_->listener_mutex);
  try {
    if (!state_->listener) {
      state_->listener = std::make_unique<pqxx::connection>(state_->url);
      state_->receiver = std::make_unique<Ears>(*state_->listener);
      return false;
    }
    state_->listener->await_notification(timeout_ms / 1000, (timeout_ms % 1000) * 1000);
    return true;
  } catch (std::exception const& e) {
    state_->receiver.reset();
    state_->listener.reset();
    return retry("waiting for events: " + trimmed(e.what()));
  }
}

}  // namespace godwit::server
