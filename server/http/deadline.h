// Ends what a connection waits for when its time is over, and leaves the connection open, so that
// a slow client can still be told. Beast's own timer closes it. Internal to server/http.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <memory>

namespace godwit::server {

class Deadline {
 public:
  Deadline(boost::beast::tcp_stream& stream, uint32_t time_ms)
      : state_(std::make_shared<State>(stream)) {
    stream.expires_never();
    arm(state_, std::chrono::milliseconds(time_ms));
  }
  ~Deadline() {
    state_->stream = nullptr;
    state_->timer.cancel();
  }
  Deadline(Deadline const&) = delete;
  auto operator=(Deadline const&) -> Deadline& = delete;

  auto over() const -> bool { return state_->over; }

 private:
  struct State {
    explicit State(boost::beast::tcp_stream& waiting)
        : stream(&waiting), timer(waiting.get_executor()) {}
    boost::beast::tcp_stream* stream;
    boost::asio::steady_timer timer;
    bool over = false;
  };
  static constexpr std::chrono::milliseconds kAgain{50};

  /// Again and again until this is gone: an operation may just have been between two reads.
  static void arm(std::shared_ptr<State> const& state, std::chrono::milliseconds time) {
    state->timer.expires_after(time);
    state->timer.async_wait([state](boost::system::error_code const& error) {
      if (error || !state->stream) return;
      state->over = true;
      state->stream->cancel();
      arm(state, kAgain);
    });
  }

  std::shared_ptr<State> state_;  // shared: a handler may run after this has gone
};

}  // namespace godwit::server
