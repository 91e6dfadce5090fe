#include "agent/core/repositories.h"

#include "agent/core/records.h"
#include "proto/base/limits.h"

namespace godwit::agent {
namespace {

/// Root versions followed in one refresh: more wait for the next one.
constexpr int kRootsPerRefreshMax = 32;

auto record(std::string const& repository, std::string_view role) -> std::string {
  return repository + "." + std::string(role) + ".json";
}

auto url(std::string const& repository, std::string const& document) -> std::string {
  return "/device/v1/" + repository + "/" + document;
}

}  // namespace

auto Repositories::load(std::string_view image_root, std::string_view director_root) -> Result<> {
  TRY_VOID(load(image_, image_root));
  return load(director_, director_root);
}

auto Repositories::load(Repository& repository, std::string_view delivered_root) -> Result<> {
  TRY(repository.trusted.root, get_text_or_empty(files_, record(repository.name, "root")));
  TRY(repository.trusted.targets, get_text_or_empty(files_, record(repository.name, "targets")));
  if (repository.trusted.root.empty()) repository.trusted.root = std::string(delivered_root);
  auto const root = proto::open_root(repository.trusted.root);
  if (!root) return Error(root.error()).within("root of the " + repository.name + " repository");
  return {};
}

auto Repositories::refresh(int64_t now_s) -> Result<Newest> {
  TRY(auto director, refresh(director_, now_s, &device_).within("director"));
  Newest newest{std::move(director), std::nullopt};
  if (newest.director.targets.empty()) return newest;
  TRY(newest.image, refresh(image_, now_s, nullptr).within("image"));
  return newest;
}

auto Repositories::refresh(Repository& repository, int64_t now_s, DeviceId const* device)
    -> Result<proto::Targets> {
  TRY_VOID(follow_roots(repository));
  TRY(auto text,
      fetcher_.document(url(repository.name, "targets.json"), limits::kMetadataBytesMax));
  auto candidate = repository.trusted;
  TRY(auto targets, proto::advance_targets(candidate, text, now_s, device));
  TRY_VOID(
      store(record(repository.name, "targets"), repository.trusted.targets, candidate.targets));
  repository.trusted = std::move(candidate);
  return targets;
}

auto Repositories::follow_roots(Repository& repository) -> Result<> {
  for (int i = 0; i < kRootsPerRefreshMax; ++i) {
    TRY(auto root, proto::open_root(repository.trusted.root));
    auto const name = std::to_string(root.version + 1) + ".root.json";
    auto text = fetcher_.document(url(repository.name, name), limits::kRootBytesMax);
    if (!text && text.error().code == Code::not_found) return {};
    if (!text) return std::move(text).error();
    auto candidate = repository.trusted;
    TRY_VOID(proto::advance_root(candidate, *text));
    TRY_VOID(store(record(repository.name, "root"), repository.trusted.root, candidate.root));
    repository.trusted = std::move(candidate);
  }
  return {};
}

auto Repositories::store(std::string const& record, std::string_view before, std::string const& now)
    -> Result<> {
  // A storage error is not the document's: it may pass.
  if (before == now) return {};
  auto stored = put_record(files_, record, as_bytes(now));
  if (!stored) return retry(stored.error().what);
  return {};
}

}  // namespace godwit::agent
