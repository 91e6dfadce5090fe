// Reads an HTTP/1.1 response from bytes that nobody vouches for (RFC 9112), as they arrive: pure,
// bounded, strict. Fails `corrupt` for good at the first thing that is wrong.
#pragma once

#include <optional>

#include "proto/base/bytes.h"

namespace godwit::agent {

struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;  // inclusive
};

/// What the agent understands of a response's head; all else is checked for form and ignored.
struct HttpHead {
  int status = 0;
  std::optional<uint64_t> length;  // Content-Length
  bool chunked = false;
  bool keep_alive = true;
  std::optional<ContentRange> range;
};

/// Takes what a response brings. An error ends the reading and is passed on.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  virtual auto on_head(HttpHead const& head) -> Result<> = 0;
  virtual auto on_body(ByteView bytes) -> Result<> = 0;
};

class HttpResponseParser {
 public:
  static constexpr size_t kHeadBytesMax = 16u << 10;  // also of a chunked body's trailers
  static constexpr size_t kHeadersMax = 64;
  static constexpr size_t kChunkLineMax = 256;
  static constexpr int kInterimMax = 4;  // 1xx answers before the real one

  /// The sink outlives the parser.
  explicit HttpResponseParser(HttpSink& sink) : sink_(sink) {}

  /// How many of the bytes belong to this response: fewer than given only once it is done().
  auto feed(ByteView bytes) -> Result<size_t>;
  auto done() const -> bool { return part_ == Part::done; }
  auto head() const -> HttpHead const& { return head_; }

 private:
  enum class Part { head, body, chunk_line, chunk, chunk_end, trailers, done, failed };
  auto step(ByteView bytes) -> Result<size_t>;
  auto take_head(ByteView bytes) -> Result<size_t>;
  auto take_body(ByteView bytes) -> Result<size_t>;
  auto take_line(ByteView bytes, size_t bytes_max) -> Result<size_t>;
  auto begin_body() -> Result<>;
  auto begin_chunk() -> Result<>;

  HttpSink& sink_;
  Part part_ = Part::head;
  HttpHead head_;
  std::string buffer_;  // of the head, or of one line
  bool line_ready_ = false;
  uint64_t left_ = 0;  // of the body, or of this chunk
  size_t trailer_bytes_ = 0;
  int interim_ = 0;
};

}  // namespace godwit::agent
