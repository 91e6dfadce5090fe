#include "agent/linux/https_fetcher.h"

#include <algorithm>

namespace godwit::agent {
namespace {

/// A server that sends less than this in one request's time is as good as none: an attacker who
/// drips must not keep a device busy for ever (docs/agent-linux.md).
constexpr size_t kUsefulBytesMin = 4096;

class DocumentSink : public HttpSink {
 public:
  explicit DocumentSink(size_t bytes_max) : bytes_max_(bytes_max) {}

  auto on_head(HttpHead const& head) -> Result<> override {
    if (head.status != 200) return refusal_of(head.status);
    if (head.length && *head.length > bytes_max_) return too_long();
    return {};
  }
  auto on_body(ByteView bytes) -> Result<> override {
    if (bytes.size() > bytes_max_ - text.size()) return too_long();
    text += as_text(bytes);
    return {};
  }

  std::string text;

 private:
  auto too_long() const -> Error {
    return invalid("longer than " + std::to_string(bytes_max_) + " bytes");
  }
  size_t bytes_max_;
};

class RangeSink : public HttpSink {
 public:
  RangeSink(uint64_t offset, uint64_t size) : offset_(offset), size_(size) {}

  auto on_head(HttpHead const& head) -> Result<> override {
    if (head.status == 200 && offset_ == 0) return {};  // a server without ranges: its beginning
    if (head.status == 200) return retry("the server does not continue at an offset");
    if (head.status != 206) return refusal_of(head.status);
    if (!head.range || head.range->first != offset_ || head.range->last - offset_ >= size_)
      return retry("the server sends another range");
    return {};
  }
  auto on_body(ByteView piece) -> Result<> override {
    auto const count = std::min<uint64_t>(size_ - bytes.size(), piece.size());
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(count));
    if (count < piece.size()) return retry("more than was asked for");
    return {};
  }

  Bytes bytes;

 private:
  uint64_t offset_;
  uint64_t size_;
};

}  // namespace

auto HttpsFetcher::document(std::string_view path, size_t bytes_max) -> Result<std::string> {
  DocumentSink sink(bytes_max);
  TRY(auto const head, client_.send({.path = std::string(path)}, sink).within(path));
  if (head.status != 200) return refusal_of(head.status).within(path);
  return std::move(sink.text);
}

auto HttpsFetcher::range(Sha256 const& blob, uint64_t offset, uint64_t size) -> Result<Bytes> {
  CHECK(size > 0);
  auto const hex = blob.hex();
  RangeSink sink(offset, size);
  HttpsRequest request{.path = "/device/v1/blobs/" + hex};
  request.headers = {
      {"Range", "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + size - 1)},
      {"If-Range", "\"" + hex + "\""}};
  auto head = client_.send(request, sink);
  bool const useful = sink.bytes.size() >= std::min<uint64_t>(size, kUsefulBytesMin);
  if (!head && !(head.error().code == Code::retry && useful))
    return std::move(head).error().within("artifact " + hex.substr(0, 12));
  if (sink.bytes.empty()) return retry("artifact " + hex.substr(0, 12) + ": nothing came");
  return std::move(sink.bytes);
}

}  // namespace godwit::agent
