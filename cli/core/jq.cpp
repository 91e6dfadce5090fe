#include "cli/core/jq.h"

extern "C" {
#include <jq.h>
}

#include <memory>

namespace godwit::cli {
namespace {

struct EndJq {
  void operator()(jq_state* state) const { jq_teardown(&state); }
};

auto take_text(jv value) -> std::string {
  std::string text(jv_string_value(value),
                   static_cast<size_t>(jv_string_length_bytes(jv_copy(value))));
  jv_free(value);
  return text;
}

/// What jq says of a filter that does not compile; it tells so by a callback, part by part.
void keep_message(void* to, jv message) {
  auto& text = *static_cast<std::string*>(to);
  if (text.empty())
    text = take_text(jq_format_error(message));
  else
    jv_free(message);
}

}  // namespace

auto filter_json(Context& context, Json const& json) -> Result<std::string> {
  std::unique_ptr<jq_state, EndJq> const state(jq_init());
  if (!state) return internal("--jq: out of memory");
  std::string message;
  jq_set_error_cb(state.get(), keep_message, &message);
  if (!jq_compile(state.get(), context.jq.c_str())) return usage(context, "--jq: " + message);
  jq_set_error_cb(state.get(), nullptr, nullptr);
  auto const text = json.dump();
  jq_start(state.get(), jv_parse_sized(text.data(), static_cast<int>(text.size())), 0);
  std::string out;
  for (;;) {
    jv result = jq_next(state.get());
    if (jv_is_valid(result)) {
      bool const is_text = jv_get_kind(result) == JV_KIND_STRING;
      out += take_text(is_text ? result : jv_dump_string(result, 0)) + "\n";
      continue;
    }
    if (!jv_invalid_has_msg(jv_copy(result))) {
      jv_free(result);
      return out;
    }
    jv const what = jv_invalid_get_msg(result);
    bool const is_text = jv_get_kind(what) == JV_KIND_STRING;
    return invalid("--jq: " + take_text(is_text ? what : jv_dump_string(what, 0)));
  }
}

}  // namespace godwit::cli
