// The server's short answers in JSON, whole in memory, and what it says of a refusal.
#pragma once

#include "agent/linux/https_client.h"
#include "proto/base/limits.h"
#include "proto/json/json.h"

namespace godwit::agent {

class AnswerSink : public HttpSink {
 public:
  auto on_head(HttpHead const&) -> Result<> override { return {}; }
  auto on_body(ByteView bytes) -> Result<> override {
    if (text.size() + bytes.size() > limits::kRootBytesMax)
      return corrupt("the answer is too long");
    text += as_text(bytes);
    return {};
  }
  std::string text;
};

/// The server's own words about a refusal, if it gave any.
inline auto refusal(int status, std::string const& text) -> Error {
  auto error = refusal_of(status);
  if (auto const json = Json::parse(text))
    if (auto const detail = json->get_string("detail")) error.what += ": " + *detail;
  return error;
}

}  // namespace godwit::agent
