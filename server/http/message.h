// HTTP requests and responses as the routes see them, free of any library.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/json/json.h"

namespace godwit::server {

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  std::string method;  // as sent: "GET"
  std::string target;  // as sent: "/api/v1/devices?limit=2"
  std::vector<Header> headers;
  std::string body;
  std::string request_id;
  std::string peer_name;  // common name of the client's certificate; empty without one

  /// The first header of that name in any case; empty when absent.
  auto header(std::string_view name) const -> std::string_view;
};

/// An open file, closed with its last owner.
class OpenFile {
 public:
  static auto open(std::string const& path) -> Result<std::shared_ptr<OpenFile>>;
  ~OpenFile();
  OpenFile(OpenFile const&) = delete;
  auto operator=(OpenFile const&) -> OpenFile& = delete;
  auto size() const -> uint64_t { return size_; }
  /// Reads exactly that many bytes at an offset.
  auto read_at(uint64_t offset, std::span<uint8_t> bytes) const -> Result<>;

 private:
  OpenFile(int descriptor, uint64_t size) : descriptor_(descriptor), size_(size) {}
  int descriptor_;
  uint64_t size_;
};

/// The bytes [offset, offset + length) of a file: sent in bounded memory.
struct FileSlice {
  std::shared_ptr<OpenFile> file;
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// Where a stream of server-sent events comes from. next() blocks for the database, never for
/// events; it is called from worker threads, one call at a time.
class EventSource {
 public:
  virtual ~EventSource() = default;
  /// Events that came since the last call, as text in the event stream's format; may be empty.
  virtual auto next() -> Result<std::string> = 0;
};

struct Response {
  unsigned status = 200;
  std::vector<Header> headers = {};
  std::string body = {};
  std::optional<FileSlice> file = {};        // instead of `body`
  std::shared_ptr<EventSource> events = {};  // instead of `body`

  auto with(std::string name, std::string value) && -> Response {
    headers.push_back({std::move(name), std::move(value)});
    return std::move(*this);
  }
};

auto json_response(unsigned status, Json const& body) -> Response;

/// Takes a request's body as it arrives; nothing lasting happens before finish() succeeds, and
/// destroying it unfinished leaves nothing behind. Called from worker threads, one call at a time.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual auto write(ByteView bytes) -> Result<> = 0;
  virtual auto finish() -> Result<Response> = 0;
};

auto reason_phrase(unsigned status) -> std::string_view;
/// "Tue, 24 Nov 2026 08:00:00 GMT".
auto http_date(int64_t unix_s) -> std::string;

/// The status line and headers. `content_length`: nothing for a chunked body.
auto serialise_head(Response const& response, std::optional<uint64_t> content_length,
                    bool keep_alive, int64_t now_s) -> std::string;

}  // namespace godwit::server
