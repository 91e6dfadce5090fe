// One hop of a coroutine to a worker thread and back to its own network thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "server/runtime/pool.h"

namespace godwit::server {

enum class Offloaded {
  done,
  refused,  // the pool is full or stopping: nothing was done
  failed,   // the work threw: its results must not be used
};

/// `work` may use the coroutine's frame: the coroutine does nothing until it has ended. Name the
/// argument before co_await (docs/decisions: g++ 12 destroys a lambda made there twice).
auto offload(WorkerPool& pool, std::function<void()> work) -> boost::asio::awaitable<Offloaded>;

}  // namespace godwit::server
