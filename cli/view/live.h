// What is known of a rollout that is being watched: fed by a snapshot and then by events, told as
// one line per change. The page that a terminal shows is rollout_page() of the same values.
#pragma once

#include <map>
#include <string>

#include "proto/json/json.h"

namespace godwit::cli {

class LiveRollout {
 public:
  struct Change {
    bool news = false;  // it is neither known nor older: a snapshot may run ahead of the events
    std::string line;   // for a person; empty when only numbers changed
  };
  auto apply_rollout(Json const& rollout) -> Change;
  auto apply_attempt(Json const& attempt) -> Change;

  auto known() const -> bool { return rollout_.is_object(); }
  auto rollout() const -> Json const& { return rollout_; }
  /// In order of the devices' ids; each device's newest attempt.
  auto attempts() const -> Json;
  /// Whether the rollout has come to an end, and to a good one.
  auto ended() const -> bool;
  auto succeeded() const -> bool;

 private:
  Json rollout_;
  std::map<std::string, Json> attempts_;
};

}  // namespace godwit::cli
