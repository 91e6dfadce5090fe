#include "server/http/offload.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>

#include "server/runtime/log.h"

namespace godwit::server {
namespace {

namespace net = boost::asio;

auto run_guarded(std::function<void()> const& work) -> Offloaded {
  try {
    work();
    return Offloaded::done;
  } catch (std::exception const& error) {
    log(LogLevel::error, "a handler threw", {{"what", error.what()}});
    return Offloaded::failed;
  }
}

/// The initiation of the asynchronous operation: a named type, for capturing lambdas are destroyed
/// twice by g++ 12 in the operand of co_await.
struct Submit {
  WorkerPool* pool;
  net::any_io_executor executor;
  std::function<void()> work;

  template <typename Handler>
  void operator()(Handler&& handler) {
    // Shared, because std::function must be copyable and a refused handler is still needed.
    auto const kept = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
    auto const resume =
        [kept, on = net::prefer(executor, net::execution::outstanding_work.tracked)](
            Offloaded outcome) { net::post(on, [kept, outcome] { std::move (*kept)(outcome); }); };
    auto job = [work = std::move(work), resume] { resume(run_guarded(work)); };
    if (!pool->try_submit(std::move(job))) resume(Offloaded::refused);
  }
};

}  // namespace

auto offload(WorkerPool& pool, std::function<void()> work) -> net::awaitable<Offloaded> {
  auto const executor = co_await net::this_coro::executor;
  Submit submit{&pool, executor, std::move(work)};
  auto const outcome =
      co_await net::async_initiate<decltype(net::use_awaitable) const, void(Offloaded)>(
          std::move(submit), net::use_awaitable);
  co_return outcome;
}

}  // namespace godwit::server
