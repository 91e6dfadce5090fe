// Error: what went wrong, in one of seven kinds, with context added on the way up.
// Each kind maps once to an HTTP status, an exit code and a log level, in the shells.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace godwit {

enum class Code : uint8_t {
  invalid,    // the caller's input is wrong: do not repeat it
  denied,     // not allowed, or a signature or token does not hold
  not_found,  // the named thing does not exist
  conflict,   // somebody else changed it, or the state forbids it
  corrupt,    // stored or received bytes are damaged
  retry,      // may succeed later: timeout, connection, overload
  internal,   // ours: a bug or an environment that we did not expect
};

auto to_string(Code code) -> std::string_view;

struct Error {
  Code code = Code::internal;
  std::string what;

  /// Prefixes context: "opening slot a" -> "opening slot a: no such file".
  auto within(std::string_view context) && -> Error {
    what.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }
};

inline auto invalid(std::string what) -> Error {
  return {Code::invalid, std::move(what)};
}
inline auto denied(std::string what) -> Error {
  return {Code::denied, std::move(what)};
}
inline auto not_found(std::string what) -> Error {
  return {Code::not_found, std::move(what)};
}
inline auto conflict(std::string what) -> Error {
  return {Code::conflict, std::move(what)};
}
inline auto corrupt(std::string what) -> Error {
  return {Code::corrupt, std::move(what)};
}
inline auto retry(std::string what) -> Error {
  return {Code::retry, std::move(what)};
}
inline auto internal(std::string what) -> Error {
  return {Code::internal, std::move(what)};
}

/// "what: strerror(number)", with the kind that this errno deserves.
auto from_errno(int number, std::string_view what) -> Error;

/// Ends the process: a broken invariant of ours, never bad input.
[[noreturn]] void check_failed(char const* expression, char const* file, int line);

}  // namespace godwit

#define CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::godwit::check_failed(#expression, __FILE__, __LINE__))
