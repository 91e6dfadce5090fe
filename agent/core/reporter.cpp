#include "agent/core/reporter.h"

#include <algorithm>

namespace godwit::agent {
namespace {

constexpr int64_t kNothingDueMs = 3'600'000;

/// Anything that the server decides by.
auto same_in_substance(proto::JobReport const& a, proto::JobReport const& b) -> bool {
  return a.attempt == b.attempt && a.rev == b.rev && a.state == b.state && a.code == b.code &&
         a.transport == b.transport;
}

auto same_in_progress(proto::JobReport const& a, proto::JobReport const& b) -> bool {
  return a.percent == b.percent && a.bytes_received == b.bytes_received;
}

}  // namespace

void Reporter::on_connected(proto::Hello hello) {
  connected_ = true;
  hello.epoch = epoch_;
  hello.seq = ++seq_;
  link_.publish(proto::Up::hello, proto::encode(hello));
  // Anew, after the hello: an acknowledgement of the hello must not cover an older report.
  if (!acknowledged_) changed_ = urgent_ = true;
}

void Reporter::show(proto::JobReport const& report) {
  bool const substance = !same_in_substance(report, report_);
  if (!substance && same_in_progress(report, report_)) return;
  report_ = report;
  changed_ = true;
  urgent_ = urgent_ || substance;
  acknowledged_ = false;
}

void Reporter::repeat() {
  if (report_.attempt == 0) return;
  changed_ = urgent_ = true;
  acknowledged_ = false;
}

auto Reporter::reportable() const -> bool {
  // `notified` is the server's own word: the device has nothing to say yet.
  return connected_ && report_.attempt != 0 && report_.state != proto::AttemptState::notified;
}

auto Reporter::tick(int64_t now_ms) -> int64_t {
  if (!reportable() || (acknowledged_ && !changed_)) return kNothingDueMs;
  int64_t const interval_ms = changed_ ? pace_.progress_ms : pace_.resend_ms;
  int64_t const left_ms = sent_at_ms_ + interval_ms - now_ms;
  if (left_ms > 0 && !urgent_) return left_ms;
  if (changed_) {
    report_.epoch = epoch_;
    report_.seq = ++seq_;
  }
  link_.publish(proto::Up::job, proto::encode(report_));
  changed_ = urgent_ = false;
  sent_at_ms_ = now_ms;
  return pace_.resend_ms;
}

auto Reporter::on_ack(proto::Ack const& ack) -> Answer {
  if (ack.epoch != epoch_ || report_.attempt == 0 || report_.seq == 0) return Answer::nothing;
  if (ack.error.empty()) {
    if (changed_ || ack.seq < report_.seq) return Answer::nothing;
    acknowledged_ = true;
    return Answer::accepted;
  }
  if (ack.seq != report_.seq || changed_) return Answer::nothing;
  // The server will not take it however often it is repeated.
  acknowledged_ = true;
  return ack.error == "version_mismatch" ? Answer::stale_rev : Answer::refused;
}

}  // namespace godwit::agent
