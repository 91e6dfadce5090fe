// Errors as problem+json (RFC 9457): the one place where a kind of error becomes a status.
#pragma once

#include <string>
#include <string_view>

#include "proto/base/error.h"
#include "server/http/message.h"

namespace godwit::server {

auto status_of(Code code) -> unsigned;

/// {type, title, status, detail, code, request_id}; what is internal is told to the log, not to
/// the client.
auto problem(unsigned status, std::string_view code, std::string detail,
             std::string_view request_id) -> Response;
/// 403: what the token may not do, with the role that may as a member of its own, `needed_role`.
auto role_problem(std::string_view token, std::string_view has, std::string_view needed,
                  std::string_view request_id) -> Response;
auto problem(Error const& error, std::string_view request_id) -> Response;

}  // namespace godwit::server
