#include "server/storage/artifacts.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "proto/base/limits.h"

namespace godwit::server {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPieceBytes = 256u << 10;

using proto::Sha256Stream;

/// A digest for device protocols that still ask for it.
class WeakDigest {
 public:
  explicit WeakDigest(EVP_MD const* kind) : context_(EVP_MD_CTX_new()) {
    CHECK(context_ && EVP_DigestInit_ex(context_, kind, nullptr) == 1);
  }
  WeakDigest(WeakDigest const&) = delete;
  auto operator=(WeakDigest const&) -> WeakDigest& = delete;
  ~WeakDigest() { EVP_MD_CTX_free(context_); }
  void add(ByteView bytes) { CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1); }
  auto finish() -> Bytes {
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(context_, out.data(), &size) == 1);
    out.resize(size);
    return out;
  }

 private:
  EVP_MD_CTX* context_;
};

auto sync_folder(fs::path const& folder) -> Result<> {
  int const fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return from_errno(errno, "opening " + folder.string());
  int const failed = ::fsync(fd);
  int const number = errno;
  ::close(fd);
  if (failed) return from_errno(number, "syncing " + folder.string());
  return {};
}

auto path_in(fs::path const& folder, Sha256 const& sha256) -> fs::path {
  auto const hex = sha256.hex();
  return folder / hex.substr(0, 2) / hex;
}

}  // namespace

struct ArtifactStore::Upload::State {
  State(fs::path root, fs::path temporary, int file, Sha256 const& hash)
      : folder(std::move(root)), path(std::move(temporary)), fd(file), expected(hash) {}
  ~State() {
    if (fd >= 0) ::close(fd);
    if (!kept) ::unlink(path.c_str());
  }
  fs::path folder;
  fs::path path;
  int fd;
  Sha256 expected;
  uint64_t size_bytes = 0;
  bool kept = false;
  Sha256Stream sha256;
  WeakDigest sha1{EVP_sha1()};
  WeakDigest md5{EVP_md5()};
};

ArtifactStore::Upload::Upload(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArtifactStore::Upload::Upload(Upload&&) noexcept = default;
ArtifactStore::Upload::~Upload() = default;

auto ArtifactStore::Upload::add(ByteView bytes) -> Result<> {
  auto& s = *state_;
  if (bytes.size() > limits::kArtifactBytesMax - s.size_bytes)
    return invalid("the artifact is larger than " + std::to_string(limits::kArtifactBytesMax) +
                   " bytes");
  for (size_t done = 0; done < bytes.size();) {
    auto const count = ::write(s.fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return from_errno(errno, "writing an artifact");
    done += static_cast<size_t>(count);
  }
  s.size_bytes += bytes.size();
  s.sha256.add(bytes);
  s.sha1.add(bytes);
  s.md5.add(bytes);
  return {};
}

auto ArtifactStore::Upload::commit() -> Result<ArtifactInfo> {
  auto& s = *state_;
  ArtifactInfo info{s.sha256.finish(), s.sha1.finish(), s.md5.finish(), s.size_bytes};
  if (info.sha256 != s.expected)
    return invalid("the content's SHA-256 is " + info.sha256.hex() + ", not " + s.expected.hex());
  if (::fsync(s.fd) != 0) return from_errno(errno, "syncing an artifact");
  auto const target = path_in(s.folder, info.sha256);
  std::error_code error;
  if (fs::create_directory(target.parent_path(), error); error)
    return from_errno(error.value(), "creating " + target.parent_path().string());
  if (::rename(s.path.c_str(), target.c_str()) != 0) return from_errno(errno, "naming an artifact");
  s.kept = true;
  TRY_VOID(sync_folder(target.parent_path()));
  TRY_VOID(sync_folder(s.folder));
  return info;
}

auto ArtifactStore::open(fs::path folder) -> Result<ArtifactStore> {
  std::error_code error;
  fs::create_directories(folder / "tmp", error);
  if (error) return from_errno(error.value(), "creating " + folder.string());
  // Other servers may share the folder: only what no upload can still be writing is removed.
  auto const old = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (auto const& entry : fs::directory_iterator(folder / "tmp", error)) {
    std::error_code ignored;
    if (entry.last_write_time(ignored) < old) fs::remove(entry.path(), ignored);
  }
  return ArtifactStore(std::move(folder));
}

auto ArtifactStore::begin(Sha256 const& expected) const -> Result<Upload> {
  static std::atomic<uint64_t> serial{0};
  auto const path = folder_ / "tmp" /
                    (expected.hex() + "." + std::to_string(::getpid()) + "." +
                     std::to_string(serial.fetch_add(1)));
  int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return from_errno(errno, "creating " + path.string());
  return Upload(std::make_unique<Upload::State>(folder_, path, fd, expected));
}

auto ArtifactStore::path(Sha256 const& sha256) const -> fs::path {
  return path_in(folder_, sha256);
}

auto ArtifactStore::contains(Sha256 const& sha256) const -> bool {
  std::error_code error;
  return fs::is_regular_file(path(sha256), error);
}

auto ArtifactStore::remove(Sha256 const& sha256) const -> Result<> {
  std::error_code error;
  fs::remove(path(sha256), error);
  if (error) return from_errno(error.value(), "removing artifact " + sha256.hex());
  return {};
}

auto ArtifactStore::read(Sha256 const& sha256, uint64_t size_max) const -> Result<Bytes> {
  std::ifstream file(path(sha256), std::ios::binary | std::ios::ate);
  if (!file) return not_found("artifact " + sha256.hex() + " is not in the store");
  auto const size = static_cast<uint64_t>(file.tellg());
  if (size > size_max) return invalid("artifact " + sha256.hex() + " is too large to read");
  Bytes bytes(size);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) return internal("reading artifact " + sha256.hex());
  if (proto::sha256(bytes) != sha256)
    return corrupt("artifact " + sha256.hex() + " is damaged in the store");
  return bytes;
}

auto ArtifactStore::read(Sha256 const& sha256, std::function<Result<>(ByteView)> const& sink) const
    -> Result<> {
  std::ifstream file(path(sha256), std::ios::binary);
  if (!file) return not_found("artifact " + sha256.hex() + " is not in the store");
  proto::Sha256Stream digest;
  for (Bytes piece(kPieceBytes); file;) {
    file.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    auto const got = ByteView(piece).first(static_cast<size_t>(file.gcount()));
    digest.add(got);
    TRY_VOID(sink(got));
  }
  if (file.bad()) return internal("reading artifact " + sha256.hex());
  if (digest.finish() != sha256)
    return corrupt("artifact " + sha256.hex() + " is damaged in the store");
  return {};
}

}  // namespace godwit::server
