#include "proto/base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace godwit {

auto to_string(Code code) -> std::string_view {
  switch (code) {
    case Code::invalid:
      return "invalid";
    case Code::denied:
      return "denied";
    case Code::not_found:
      return "not_found";
    case Code::conflict:
      return "conflict";
    case Code::corrupt:
      return "corrupt";
    case Code::retry:
      return "retry";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

auto from_errno(int number, std::string_view what) -> Error {
  Code code = Code::internal;
  if (number == ENOENT) code = Code::not_found;
  if (number == EACCES || number == EPERM) code = Code::denied;
  if (number == EAGAIN || number == ETIMEDOUT || number == ECONNREFUSED || number == ECONNRESET)
    code = Code::retry;
  return {code, std::string(what) + ": " + std::strerror(number)};
}

void check_failed(char const* expression, char const* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace godwit
