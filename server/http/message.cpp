#include "server/http/message.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace godwit::server {
namespace {

auto lower(char c) -> char {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

auto same_name(std::string_view a, std::string_view b) -> bool {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

auto Request::header(std::string_view name) const -> std::string_view {
  for (auto const& header : headers)
    if (same_name(header.name, name)) return header.value;
  return {};
}

auto OpenFile::open(std::string const& path) -> Result<std::shared_ptr<OpenFile>> {
  int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return from_errno(errno, "opening " + path);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return internal("not a regular file: " + path);
  }
  return std::shared_ptr<OpenFile>(new OpenFile(descriptor, static_cast<uint64_t>(status.st_size)));
}

OpenFile::~OpenFile() {
  ::close(descriptor_);
}

auto OpenFile::read_at(uint64_t offset, std::span<uint8_t> bytes) const -> Result<> {
  for (size_t done = 0; done < bytes.size();) {
    auto const count = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return from_errno(errno, "reading a file");
    if (count == 0) return corrupt("a file ended early");
    done += static_cast<size_t>(count);
  }
  return {};
}

auto json_response(unsigned status, Json const& body) -> Response {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = body.dump() + "\n";
  return response;
}

auto reason_phrase(unsigned status) -> std::string_view {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

auto http_date(int64_t unix_s) -> std::string {
  auto const time = static_cast<time_t>(unix_s);
  tm parts{};
  gmtime_r(&time, &parts);
  char text[40];
  // The "C" locale is never left, so the names of days and months are English.
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

auto serialise_head(Response const& response, std::optional<uint64_t> content_length,
                    bool keep_alive, int64_t now_s) -> std::string {
  auto head = "HTTP/1.1 " + std::to_string(response.status) + " " +
              std::string(reason_phrase(response.status)) + "\r\nDate: " + http_date(now_s) +
              "\r\n";
  for (auto const& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (!content_length)
    head += "Transfer-Encoding: chunked\r\n";
  else if (response.status != 204 && response.status != 304)
    head += "Content-Length: " + std::to_string(*content_length) + "\r\n";
  if (!keep_alive) head += "Connection: close\r\n";
  return head + "X-Content-Type-Options: nosniff\r\n\r\n";
}

}  // namespace godwit::server
