// Simulated devices for `scripts/bench reports`: each has its own MQTT 3.1.1 connection (a codec of
// what it needs, no TLS) and carries one attempt from its hint to its end, each report repeated
// until it is acknowledged.
//   bench_devices PORT COUNT AT_ONCE MODEL VERSION PLAIN_SHA256
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>

#include "proto/wire/messages.h"
#include "proto/wire/topics.h"
#include "tests/bench/rounds.h"

namespace {

using namespace godwit;
using bench::give_up;
using bench::now_us;

constexpr int kConnectsPerSecond = 2'000;
constexpr double kRepeatUs = 3e6;
constexpr double kQuietUs = 30e6;
constexpr proto::AttemptState kReports[] = {
    proto::AttemptState::downloading, proto::AttemptState::verifying,
    proto::AttemptState::installing, proto::AttemptState::trial, proto::AttemptState::succeeded};

struct Device {
  explicit Device(DeviceId name) : id(std::move(name)) {}

  DeviceId id;
  int socket = -1;
  std::string in, out;
  uint16_t packet = 0;
  uint64_t seq = 0;
  AttemptNo attempt = 0;
  uint32_t rev = 0;
  size_t step = 0;      // index into kReports
  double sent_us = 0;   // of the report that waits for its acknowledgement; 0: none does
  std::string waiting;  // that report, to repeat it
};

auto field(std::string_view text) -> std::string {
  return {std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size())}.append(
      text)};
}

auto packet(int type_and_flags, std::string_view body) -> std::string {
  std::string head(1, static_cast<char>(type_and_flags));
  size_t left = body.size();
  do {
    head.push_back(static_cast<char>(left % 128 | (left >= 128 ? 128 : 0)));
    left /= 128;
  } while (left);
  return head.append(body);
}

class Fleet {
 public:
  Fleet(uint16_t port, size_t count, size_t at_once, std::string model,
        proto::ComponentReport after)
      : port_(port),
        at_once_(at_once),
        model_(std::move(model)),
        after_(std::move(after)),
        epoll_(epoll_create1(0)) {
    for (size_t i = 0; i < count; ++i)
      devices_.emplace_back(*DeviceId::parse("sim-" + std::to_string(i)));
  }

  void connect_all();
  void wait_for_hints();
  void report_all();

 private:
  void open(Device& device);
  void turn(int timeout_ms);
  void write(Device& device, std::string const& bytes);
  void publish(Device& device, proto::Up up, std::string const& payload);
  void on_packet(Device& device, uint8_t head, std::string_view body);
  void on_publish(Device& device, uint8_t head, std::string_view body);
  void on_ack(Device& device, proto::Ack const& ack);
  void report(Device& device);
  void repeat_late();

  uint16_t port_;
  size_t at_once_;
  std::string model_;
  proto::ComponentReport after_;
  int epoll_;
  std::vector<Device> devices_;
  std::deque<size_t> ready_;  // hinted and not yet at work
  bool going_ = false;
  size_t subscribed_ = 0, hinted_ = 0, at_work_ = 0, acked_ = 0, done_ = 0, repeated_ = 0;
  double progress_us_ = now_us();
};

void Fleet::open(Device& device) {
  device.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int const on = 1;
  setsockopt(device.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (device.socket < 0 ||
      (::connect(device.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) &&
       errno != EINPROGRESS))
    give_up("cannot connect: too few file descriptors or ports?");
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET,
                    .data = {.u64 = static_cast<uint64_t>(&device - devices_.data())}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, device.socket, &event);
  // Clean session, a user name without a password, keepalive 10 minutes.
  std::string const name(device.id.str());
  device.out =
      packet(0x10, field("MQTT") + std::string("\x04\x82\x02\x58", 4) + field(name) + field(name)) +
      packet(0x82,
             std::string("\0\1", 2) + field(proto::down_filter(device.id)) + std::string("\1", 1));
}

void Fleet::write(Device& device, std::string const& bytes) {
  device.out += bytes;
  while (!device.out.empty()) {
    auto const sent = ::send(device.socket, device.out.data(), device.out.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN || errno == ENOTCONN) return;
      give_up("the broker closed a connection");
    }
    device.out.erase(0, static_cast<size_t>(sent));
  }
}

void Fleet::publish(Device& device, proto::Up up, std::string const& payload) {
  if (++device.packet == 0) device.packet = 1;
  std::string const id{static_cast<char>(device.packet >> 8), static_cast<char>(device.packet)};
  write(device, packet(0x32, field(proto::topic(device.id, up)) + id + payload));
}

void Fleet::turn(int timeout_ms) {
  epoll_event events[512];
  int const count = epoll_wait(epoll_, events, 512, timeout_ms);
  for (int i = 0; i < count; ++i) {
    Device& device = devices_[events[i].data.u64];
    write(device, "");
    char bytes[4096];
    for (;;) {
      auto const got = ::recv(device.socket, bytes, sizeof bytes, 0);
      if (got == 0) give_up("the broker closed a connection");
      if (got < 0) break;
      device.in.append(bytes, static_cast<size_t>(got));
    }
    for (;;) {
      size_t length = 0, at = 1;
      bool whole = false;
      for (int shift = 0; at < device.in.size() && !whole; ++at, shift += 7) {
        length |= static_cast<size_t>(device.in[at] & 127) << shift;
        whole = !(device.in[at] & 128);
      }
      if (!whole || device.in.size() < at + length) break;
      std::string const body = device.in.substr(at, length);
      auto const head = static_cast<uint8_t>(device.in[0]);
      device.in.erase(0, at + length);
      on_packet(device, head, body);
    }
  }
}

void Fleet::on_packet(Device& device, uint8_t head, std::string_view body) {
  switch (head >> 4) {
    case 2:
      if (body.size() != 2 || body[1]) give_up("the broker refuses a device");
      break;
    case 3:
      on_publish(device, head, body);
      break;
    case 9: {
      ++subscribed_;
      proto::Hello hello{.epoch = 1,
                         .seq = ++device.seq,
                         .agent = "simulated",
                         .facts = {"cam-v2", "x86_64", 1, 8 << 20, 4 << 20},
                         .components = {},
                         .attempt = {}};
      publish(device, proto::Up::hello, proto::encode(hello));
      break;
    }
    default:
      break;
  }
}

void Fleet::on_publish(Device& device, uint8_t head, std::string_view body) {
  size_t const topic_size =
      static_cast<size_t>(static_cast<uint8_t>(body[0]) << 8 | static_cast<uint8_t>(body[1]));
  std::string_view const topic = body.substr(2, topic_size);
  size_t at = 2 + topic_size;
  if (head & 6) {
    write(device, packet(0x40, body.substr(at, 2)));
    at += 2;
  }
  if (topic.ends_with("/dn/ack")) {
    if (auto const ack = proto::decode_ack(body.substr(at))) on_ack(device, *ack);
    return;
  }
  auto const hint = proto::decode_job_hint(body.substr(at));
  if (!hint || hint->op != "update" || hint->attempt == device.attempt) return;
  device.attempt = hint->attempt;
  device.rev = hint->rev;
  ++hinted_;
  ready_.push_back(static_cast<size_t>(&device - devices_.data()));
}

void Fleet::report(Device& device) {
  proto::JobReport report;
  report.epoch = 1;
  report.seq = ++device.seq;
  report.attempt = device.attempt;
  report.rev = device.rev;
  report.state = kReports[device.step];
  report.transport = "full";
  report.bytes_received = 80'000;
  if (report.state == proto::AttemptState::succeeded) {
    report.percent = 100;
    report.component = after_;
  }
  device.waiting = proto::encode(report);
  device.sent_us = now_us();
  publish(device, proto::Up::job, device.waiting);
}

void Fleet::on_ack(Device& device, proto::Ack const& ack) {
  if (!ack.error.empty()) give_up("a report is refused: " + ack.error);
  if (device.sent_us == 0 || ack.seq < device.seq) return;
  progress_us_ = now_us();
  device.sent_us = 0;
  ++acked_;
  if (++device.step < std::size(kReports)) {
    report(device);
    return;
  }
  ++done_;
  --at_work_;
}

void Fleet::repeat_late() {
  double const now = now_us();
  for (Device& device : devices_) {
    if (device.sent_us == 0 || now - device.sent_us < kRepeatUs) continue;
    device.sent_us = now;
    ++repeated_;
    publish(device, proto::Up::job, device.waiting);
  }
}

void Fleet::connect_all() {
  double const began = now_us();
  size_t opened = 0;
  while (subscribed_ < devices_.size()) {
    auto const due = std::min(
        devices_.size(), static_cast<size_t>((now_us() - began) / 1e6 * kConnectsPerSecond) + 1);
    while (opened < due) open(devices_[opened++]);
    turn(5);
    if (now_us() - began > 120e6)
      give_up("only " + std::to_string(subscribed_) + " devices are connected after two minutes");
  }
  std::printf("connected\n");
  std::fflush(stdout);
}

void Fleet::wait_for_hints() {
  double const began = now_us();
  while (hinted_ < devices_.size() && now_us() - began < 120e6) turn(20);
  std::printf("{\"hinted\": %zu, \"hints_s\": %.3f, ", hinted_, (now_us() - began) / 1e6);
}

void Fleet::report_all() {
  double const began = now_us();
  double checked = began;
  size_t const all = hinted_;
  progress_us_ = began;
  while (done_ < all) {
    while (at_work_ < at_once_ && !ready_.empty()) {
      ++at_work_;
      Device& device = devices_[ready_.front()];
      ready_.pop_front();
      report(device);
    }
    turn(5);
    if (now_us() - checked > 250e3) {
      checked = now_us();
      repeat_late();
      if (checked - progress_us_ > kQuietUs) give_up("no acknowledgement for 30 s");
    }
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("\"acknowledged\": %zu, \"seconds\": %.3f, \"repeated\": %zu, \"own_cpu_s\": %.3f}\n",
              acked_, (now_us() - began) / 1e6, repeated_,
              static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                  static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) give_up("usage: bench_devices PORT COUNT AT_ONCE MODEL VERSION PLAIN_SHA256");
  auto const hash = Sha256::parse(argv[6]);
  if (!hash) give_up(hash.error().what);
  proto::ComponentReport after;
  after.running = proto::SlotContent{argv[5], *hash};
  Fleet fleet(static_cast<uint16_t>(std::atoi(argv[1])), static_cast<size_t>(std::atoi(argv[2])),
              static_cast<size_t>(std::atoi(argv[3])), argv[4], after);
  fleet.connect_all();
  fleet.wait_for_hints();
  fleet.report_all();
}
