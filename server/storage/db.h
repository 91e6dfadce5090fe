// The one door to PostgreSQL: a pool of connections, transactions with retry, prepared statements.
// Library exceptions stop in db.cpp; inside a transaction a failed statement leaves by the door.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/ids.h"

namespace godwit::server {

/// A statement parameter in PostgreSQL's text form, or NULL.
class Param {
 public:
  Param(std::nullopt_t) {}
  /// Without zero bytes: PostgreSQL's text cannot hold them.
  Param(std::string text);
  Param(std::string_view text) : Param(std::string(text)) {}
  Param(char const* text) : text_(text) {}
  Param(bool value) : text_(value ? "t" : "f") {}
  Param(int value) : text_(std::to_string(value)) {}
  Param(unsigned value) : text_(std::to_string(value)) {}
  Param(int64_t value) : text_(std::to_string(value)) {}
  Param(uint64_t value) : text_(std::to_string(value)) {}
  Param(double value);
  Param(Sha256 const& value) : Param(ByteView(value.bytes)) {}
  Param(ByteView bytes) : text_("\\x" + to_hex(bytes)) {}
  Param(Bytes const& bytes) : Param(ByteView(bytes)) {}
  Param(DeviceId const& id) : text_(id.str()) {}
  Param(ModelName const& name) : text_(name.str()) {}
  Param(Version const& version) : text_(version.str()) {}
  Param(std::vector<std::string> const& items);  // an array
  Param(std::vector<int64_t> const& items);
  template <typename T>
  Param(std::optional<T> const& value) {
    if (value) *this = Param(*value);
  }
  auto c_str() const -> char const* { return text_ ? text_->c_str() : nullptr; }

 private:
  std::optional<std::string> text_;
};

/// Reads the columns of a row in the order of the SELECT. Types were fixed by the schema, so a
/// mismatch is our bug and ends the transaction.
class Row {
 public:
  auto text() -> std::string { return std::string(required()); }
  auto number() -> int64_t;
  auto natural() -> uint64_t { return static_cast<uint64_t>(number()); }
  auto natural32() -> uint32_t { return static_cast<uint32_t>(number()); }
  auto real() -> double;
  auto flag() -> bool { return required() == "t"; }
  auto bytes() -> Bytes;
  auto sha256() -> Sha256;
  auto texts() -> std::vector<std::string>;  // a one-dimensional array of text

  auto text_or_null() -> std::optional<std::string>;
  auto number_or_null() -> std::optional<int64_t>;
  auto natural_or_null() -> std::optional<uint64_t>;
  auto real_or_null() -> std::optional<double>;
  auto bytes_or_null() -> std::optional<Bytes>;
  auto sha256_or_null() -> std::optional<Sha256>;

 private:
  friend class Rows;
  Row(std::shared_ptr<void const> result, size_t row) : result_(std::move(result)), row_(row) {}
  auto next() -> std::optional<std::string_view>;
  auto required() -> std::string_view;
  std::shared_ptr<void const> result_;  // shared: a row may outlive its Rows
  size_t row_;
  size_t column_ = 0;
};

class Rows {
 public:
  explicit Rows(std::shared_ptr<void const> result, size_t size, size_t affected)
      : result_(std::move(result)), size_(size), affected_(affected) {}
  auto size() const -> size_t { return size_; }
  auto empty() const -> bool { return size_ == 0; }
  auto operator[](size_t i) const -> Row { return {result_, i}; }
  /// Rows that an INSERT, UPDATE or DELETE touched.
  auto affected() const -> size_t { return affected_; }

 private:
  std::shared_ptr<void const> result_;
  size_t size_;
  size_t affected_;
};

class Tx {
 public:
  /// Runs a statement, prepared at its first use on a connection. `sql` must be a string literal.
  auto run(char const* sql, std::initializer_list<Param> params = {}) -> Rows;
  /// Runs a statement that was put together (filters), not prepared.
  auto run_composed(std::string const& sql, std::vector<Param> const& params) -> Rows;
  /// Runs several statements without parameters (migrations).
  void run_script(std::string const& sql);

  struct Connection;

 private:
  friend class Database;
  Tx(Connection& connection, void* work) : connection_(connection), work_(work) {}
  Connection& connection_;
  void* work_;
};

class Database {
 public:
  static auto open(std::string url, int connections) -> Result<std::unique_ptr<Database>>;
  ~Database();

  /// Runs `body` in one transaction and commits if it returns a value; an Error rolls back.
  /// Serialization failures and deadlocks run it again, so it must have no other effects.
  template <typename F>
  auto transact(F&& body) -> std::invoke_result_t<F&, Tx&> {
    using R = std::invoke_result_t<F&, Tx&>;
    std::optional<R> result;
    auto outcome = run([&](Tx& tx) -> Result<> {
      result.emplace(body(tx));
      if (!*result) return result->error();
      return {};
    });
    if (!outcome) return std::move(outcome).error();
    return std::move(*result);
  }

  /// Waits for a notification on the events' channel, on a connection of its own; one caller at a
  /// time. False: it only began to listen, and what was committed before was not announced here.
  auto wait_for_event(int64_t timeout_ms) -> Result<bool>;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  auto run(std::function<Result<>(Tx&)> const& body) -> Result<>;
  std::unique_ptr<State> state_;
};

}  // namespace godwit::server
