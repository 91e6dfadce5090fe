// The OpenAPI 3.1 document of openapi.json, compiled in.
#pragma once

#include <string_view>

namespace godwit::server {

auto openapi_document() -> std::string_view;

}  // namespace godwit::server
