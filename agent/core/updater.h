// The updater: takes a device from the release it runs to the one that it is assigned, and back
// when the new one does not prove itself (docs/agent.md). Pure: everything durable or visible goes
// through its ports, and after a power cut start() finds its place again from what was synced.
#pragma once

#include <memory>

#include "agent/core/ports.h"

namespace godwit::agent {

struct Config {
  DeviceId device;
  std::string agent_version;
  proto::DeviceFacts facts;
  std::string image_root;     // text of root.json, delivered out of band; used once
  std::string director_root;  // likewise
  int64_t poll_interval_ms = 1'800'000;
  int64_t report_interval_ms = 500;          // between progress reports of one state
  int64_t resend_interval_ms = 5'000;        // of a report that is not acknowledged
  int64_t trial_ms_max = 3'600'000;          // a trial that does not finish by then is taken back
  uint32_t bsdiff_block_bytes = 256u << 10;  // of what BSDIFF40 makes: a cut costs one at most
};

class Updater {
 public:
  Updater(Config config, Ports ports);
  ~Updater();

  /// Once, before anything else: counts the epoch, takes up or takes back what a power cut
  /// interrupted, and loads what runs into the runner. An error means that storage is unusable or
  /// no trusted root was given.
  auto start() -> Result<>;
  /// Of this start; for hello and the connection's will. Valid after start().
  auto epoch() const -> uint64_t;
  /// The payload of the will: this epoch is offline.
  auto will() const -> std::string;

  void on_connected();
  void on_disconnected();
  /// dn/job and dn/ack; anything malformed is dropped and counted.
  void on_message(proto::Down what, std::string_view payload);

  /// Does one bounded piece of work: at most one ranged fetch, one document, one self-test or one
  /// slice of trial inferences. Returns after how many milliseconds it wants to be called again (0:
  /// at once); call it earlier when something arrived.
  auto step() -> int64_t;

  struct Status {
    uint64_t epoch = 0;
    bool connected = false;
    std::map<std::string, proto::ComponentReport> components;
    std::optional<proto::JobReport> attempt;  // the present or last one
    std::string component;                    // of that attempt
    bool acknowledged = false;                // its last report
    std::string last_error;                   // of a step that is being repeated
    uint64_t messages_dropped = 0;
  };
  auto status() const -> Status;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace godwit::agent
