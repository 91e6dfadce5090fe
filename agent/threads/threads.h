// A fixed number of threads that run parts of the engine's large layers. They wait between layers
// for a moment with their eyes open, then asleep. One caller at a time.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "agent/engine/crew.h"

namespace godwit::agent {

class Threads {
 public:
  /// With the caller's, which takes the first part: from 1 to engine::kCrewMax.
  explicit Threads(uint32_t size);
  ~Threads();
  Threads(Threads const&) = delete;
  auto operator=(Threads const&) -> Threads& = delete;

  /// Borrows this object.
  auto crew() -> engine::Crew;

 private:
  using Part = void (*)(void* work, uint32_t index);
  void together(Part part, void* work);
  void serve(uint32_t index);

  Part part_ = nullptr;
  void* work_ = nullptr;
  std::atomic<uint32_t> layer_ = 0;    // counts what the caller asks for
  std::atomic<uint32_t> working_ = 0;  // threads that have not finished the layer
  std::vector<std::thread> threads_;
};

}  // namespace godwit::agent
