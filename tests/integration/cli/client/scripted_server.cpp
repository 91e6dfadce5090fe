#include "tests/integration/cli/client/scripted_server.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <mutex>
#include <thread>

namespace godwit::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct ScriptedServer::State {
  asio::io_context io;
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  asio::ssl::context tls{asio::ssl::context::tls_server};
  std::vector<Scripted> script;
  std::atomic<bool> stopped{false};
  std::mutex mutex;
  std::vector<std::string> requests;
  std::thread thread;

  void serve();
  void answer(tcp::socket socket, Scripted const& scripted);
};

namespace {

auto body_length(std::string const& header) -> size_t {
  size_t const at = header.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(header.substr(at + 16));
}

}  // namespace

void ScriptedServer::State::answer(tcp::socket socket, Scripted const& scripted) {
  error_code error;
  asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
  stream.handshake(asio::ssl::stream_base::server, error);
  if (error) return;
  std::string request;
  size_t const header = asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", error);
  if (error) return;
  size_t const whole = header + body_length(request.substr(0, header));
  if (scripted.read_body && request.size() < whole)
    asio::read(stream, asio::dynamic_buffer(request),
               asio::transfer_exactly(whole - request.size()), error);
  {
    std::lock_guard const lock(mutex);
    requests.push_back(request);
  }
  asio::write(stream, asio::buffer(scripted.answer), error);
  for (int held = 0; held < scripted.hold_ms && !stopped; held += 10)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (!scripted.goodbye) return;
  stream.shutdown(error);
}

void ScriptedServer::State::serve() {
  for (size_t n = 0;; ++n) {
    error_code error;
    tcp::socket socket(io);
    acceptor.accept(socket, error);
    if (stopped) return;
    if (!error) answer(std::move(socket), script[std::min(n, script.size() - 1)]);
  }
}

ScriptedServer::ScriptedServer(Credentials const& own, std::vector<Scripted> script)
    : state_(std::make_unique<State>()) {
  state_->script = std::move(script);
  state_->tls.use_certificate_chain(asio::buffer(own.certificate));
  state_->tls.use_private_key(asio::buffer(own.key), asio::ssl::context::pem);
  state_->thread = std::thread([this] { state_->serve(); });
}

ScriptedServer::~ScriptedServer() {
  state_->stopped = true;
  error_code ignored;
  asio::io_context io;
  tcp::socket wake(io);
  wake.connect(state_->acceptor.local_endpoint(), ignored);
  state_->thread.join();
}

auto ScriptedServer::port() const -> uint16_t {
  return state_->acceptor.local_endpoint().port();
}

auto ScriptedServer::requests() const -> std::vector<std::string> {
  std::lock_guard const lock(state_->mutex);
  return state_->requests;
}

auto http(int status, std::string const& body, std::string const& headers) -> std::string {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

}  // namespace godwit::test
