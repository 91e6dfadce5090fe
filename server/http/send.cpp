// The sending half of a session: heads, bodies in memory, files in bounded memory, event streams.
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>

#include "server/http/offload.h"
#include "server/http/session.h"
#include "server/runtime/log.h"

namespace godwit::server {
namespace {

namespace net = boost::asio;
using boost::system::error_code;

constexpr uint64_t kFileChunkBytes = 64u << 10;
constexpr std::chrono::milliseconds kHeartbeat{15'000};

auto now_s() -> int64_t {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// One chunk of a chunked body; of an empty text the last one.
auto as_chunk(std::string_view text) -> std::string {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + std::string(text) + "\r\n";
}

}  // namespace

auto Session::send(Response const& response, bool head_only, bool keep_alive)
    -> net::awaitable<bool> {
  last_status_ = response.status;
  std::optional<uint64_t> length = response.body.size();
  if (response.file) length = response.file->length;
  if (response.events) length = std::nullopt;
  auto message = serialise_head(response, length, keep_alive, now_s());
  if (!head_only) message += response.body;
  bool sent = co_await send_bytes(message);
  if (!sent || head_only) co_return sent;
  if (response.file) sent = co_await send_file(*response.file);
  if (response.events) sent = co_await send_events(*response.events);
  co_return sent;
}

auto Session::send_bytes(std::string_view bytes) -> net::awaitable<bool> {
  expire_after(serving_.config.request_timeout_ms);
  error_code error;
  auto const buffer = net::buffer(bytes.data(), bytes.size());
  co_await net::async_write(stream_, buffer, net::redirect_error(net::use_awaitable, error));
  co_return !error;
}

auto Session::send_file(FileSlice const& slice) -> net::awaitable<bool> {
  Bytes chunk(std::min(slice.length, kFileChunkBytes));
  for (uint64_t done = 0; done < slice.length;) {
    auto const size = std::min(slice.length - done, kFileChunkBytes);
    Result<> got;
    auto read = [&] {
      got = slice.file->read_at(slice.offset + done, std::span(chunk).first(size));
    };
    auto const outcome = co_await offload(serving_.pool, std::move(read));
    // The length was promised: all that is left to say an error with is a cut connection.
    if (outcome != Offloaded::done) co_return false;
    if (!got) {
      log(LogLevel::error, "a download was cut: " + got.error().what);
      co_return false;
    }
    bool const sent = co_await send_bytes(as_text(ByteView(chunk).first(size)));
    if (!sent) co_return false;
    done += size;
  }
  co_return true;
}

auto Session::send_events(EventSource& events) -> net::awaitable<bool> {
  struct Counted {
    Gauge& gauge;
    explicit Counted(Gauge& g) : gauge(g) { gauge.add(1); }
    ~Counted() { gauge.add(-1); }
  } const counted(serving_.event_streams);
  bool sent = true;
  while (sent && !thread_.stopping) {
    woken_ = false;
    Result<std::string> text = std::string();
    auto read = [&] { text = events.next(); };
    auto const outcome = co_await offload(serving_.pool, std::move(read));
    // A busy server or a lost database: the stream lives on, what it missed comes later.
    bool const failed = outcome != Offloaded::done || !text;
    if (!failed && !text->empty()) {
      sent = co_await send_bytes(as_chunk(*text));
      continue;
    }
    bool const woken =
        co_await wait_for_wake(failed ? std::chrono::milliseconds(1000) : kHeartbeat);
    if (!woken) sent = co_await send_bytes(as_chunk(": heartbeat\n\n"));
  }
  if (sent) sent = co_await send_bytes(as_chunk(""));
  co_return sent;
}

auto Session::wait_for_wake(std::chrono::milliseconds time) -> net::awaitable<bool> {
  if (!woken_ && !thread_.stopping) {
    wake_timer_.expires_after(time);
    error_code ignored;
    co_await wake_timer_.async_wait(net::redirect_error(net::use_awaitable, ignored));
  }
  co_return woken_ || thread_.stopping;
}

}  // namespace godwit::server
