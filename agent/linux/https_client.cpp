#include "agent/linux/https_client.h"

namespace godwit::agent {
namespace {

constexpr size_t kReadBytes = 16u << 10;  // one TLS record

auto text_of(HttpsRequest const& request, Origin const& origin) -> std::string {
  std::string text =
      request.method + " " + request.path + " HTTP/1.1\r\nHost: " + origin.authority() +
      "\r\nUser-Agent: godwit-agent/" GODWIT_VERSION "\r\nAccept-Encoding: identity\r\n";
  for (auto const& [name, value] : request.headers) text += name + ": " + value + "\r\n";
  if (!request.body.empty())
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return text + "\r\n" + request.body;
}

}  // namespace

auto HttpsClient::open(Origin origin, TlsFiles const& files, HttpsTimes times, int interrupt_fd)
    -> Result<HttpsClient> {
  TRY(auto context, TlsContext::open(files));
  return HttpsClient(std::move(origin), std::move(context), times, interrupt_fd);
}

auto HttpsClient::send(HttpsRequest const& request, HttpSink& sink) -> Result<HttpHead> {
  CHECK(request.path.find_first_of("\r\n ") == std::string::npos);
  auto const text = text_of(request, origin_);
  Patience const patience{monotonic_ms() + times_.total_ms, interrupt_fd_};
  bool const reused = stream_.has_value();
  bool answered = false;
  auto head = exchange(text, sink, patience, answered);
  // The server may have closed a kept connection while the request was on its way: once more, on a
  // fresh one, if what is asked may be asked twice.
  if (!head && head.error().code == Code::retry && reused && !answered && request.method == "GET")
    head = exchange(text, sink, patience, answered);
  return head;
}

auto HttpsClient::exchange(std::string const& text, HttpSink& sink, Patience const& patience,
                           bool& answered) -> Result<HttpHead> {
  // Taken, and put back only in a state in which the next request can be sent.
  auto stream = std::exchange(stream_, std::nullopt);
  if (!stream) {
    TRY(stream, TlsStream::connect(context_, origin_, patience));
  }
  TRY_VOID(stream->write(as_bytes(text), sooner(patience, times_.idle_ms)));
  HttpResponseParser parser(sink);
  Bytes buffer(kReadBytes);
  size_t surplus = 0;
  while (!parser.done()) {
    TRY(auto const count, stream->read(buffer, sooner(patience, times_.idle_ms)));
    if (count == 0) return retry("the server closed the connection before its answer ended");
    answered = true;
    TRY(auto const taken, parser.feed(ByteView(buffer).first(count)));
    surplus = count - taken;
  }
  if (surplus > 0) return corrupt("HTTP: bytes after the answer");
  if (parser.head().keep_alive) stream_ = std::move(stream);
  return parser.head();
}

auto refusal_of(int status) -> Error {
  auto what = "the server answers " + std::to_string(status);
  if (status == 404 || status == 410) return not_found(std::move(what));
  if (status == 401 || status == 403) return denied(std::move(what));
  if (status >= 300 && status < 400) return denied(what + ": redirects are not followed");
  if (status == 408 || status == 425 || status == 429 || status >= 500)
    return retry(std::move(what));
  if (status == 409) return conflict(std::move(what));
  return invalid(std::move(what));
}

}  // namespace godwit::agent
