// Server-sent events (WHATWG HTML, section 9.2.6), read from chunks of any size.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proto/base/result.h"

namespace godwit::cli {

struct Event {
  std::string type = "message";
  std::string data;
  std::string id;  // of the last event that named one
};

class EventParser {
 public:
  EventParser() = default;
  /// Calls `on_event` for each event that `chunk` completes, and returns its first error. `corrupt`
  /// past a limit.
  auto feed(std::string_view chunk, std::function<Result<>(Event const&)> const& on_event)
      -> Result<>;
  /// A new stream begins: what the old one left unfinished is forgotten, its last id is not.
  void restart() { *this = EventParser(std::move(last_id_)); }
  auto last_id() const -> std::string const& { return last_id_; }

 private:
  explicit EventParser(std::string last_id) : id_(last_id), last_id_(std::move(last_id)) {}
  auto end_line(std::function<Result<>(Event const&)> const& on_event) -> Result<>;
  void field(std::string_view name, std::string_view value);

  std::string line_;
  bool after_return_ = false;  // a line feed that follows belongs to it
  bool first_line_ = true;     // may begin with a byte order mark
  std::string type_;
  std::string data_;
  std::string id_;       // of the event that is coming in
  std::string last_id_;  // of the last whole one: where a new stream goes on
};

}  // namespace godwit::cli
