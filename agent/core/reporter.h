// Tells the server: hello at every connection, and the present report of the attempt, repeated
// until it is acknowledged. Only the newest report counts: (epoch, seq) orders them at the server.
#pragma once

#include "agent/core/ports.h"

namespace godwit::agent {

class Reporter {
 public:
  struct Pace {
    int64_t progress_ms;  // between reports that differ in progress only
    int64_t resend_ms;    // of one that is not acknowledged
  };
  Reporter(Link& link, Pace pace) : link_(link), pace_(pace) {}

  void start(uint64_t epoch) { epoch_ = epoch; }
  auto epoch() const -> uint64_t { return epoch_; }

  /// `hello` but for its epoch and seq.
  void on_connected(proto::Hello hello);
  void on_disconnected() { connected_ = false; }
  auto connected() const -> bool { return connected_; }

  /// What the server shall know; call it whenever it may have changed.
  void show(proto::JobReport const& report);
  /// The present report once more, as a new message, although it was acknowledged.
  void repeat();
  /// Sends what is due; milliseconds until something is due next.
  auto tick(int64_t now_ms) -> int64_t;

  enum class Answer { nothing, accepted, refused, stale_rev };
  auto on_ack(proto::Ack const& ack) -> Answer;
  auto acknowledged() const -> bool { return acknowledged_ && !changed_; }

 private:
  auto reportable() const -> bool;

  Link& link_;
  Pace pace_;
  uint64_t epoch_ = 0;
  uint64_t seq_ = 0;
  bool connected_ = false;
  proto::JobReport report_;  // attempt 0: there is none
  bool changed_ = false;     // since it was sent
  bool urgent_ = false;      // changed in more than progress
  bool acknowledged_ = true;
  int64_t sent_at_ms_ = 0;
};

}  // namespace godwit::agent
