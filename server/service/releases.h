// Models, releases, artifacts and deltas: what operators publish.
#pragma once

#include <functional>

#include "server/domain/entities.h"
#include "server/storage/artifacts.h"

namespace godwit::server {

struct Core;

struct NewRelease {
  ModelName model;
  Version version;
  std::optional<Version> parent;
  std::string notes;
  std::optional<std::string> channel;
  std::string targets;    // exact text of the signed Image targets.json that holds it
  proto::WrappedKey key;  // content key, wrapped to the server's sealing key
};

class Releases {
 public:
  explicit Releases(Core& core) : core_(core) {}

  struct Created {
    Release release;
    bool created = false;  // false: the same release was there already
  };
  /// `denied`: signatures or key do not hold; `invalid`: the artifact is missing, or the document
  /// does not name the release; `conflict`: the version exists with other content.
  auto create(NewRelease const& request) -> Result<Created>;
  auto get(ModelName const& model, Version const& version) -> Result<Release>;
  /// Newest first; `channel` empty: all.
  auto list(ModelName const& model, std::string const& channel, PageRequest const& page)
      -> Result<Page<Release>>;
  /// `expected`: whether the release is as the caller saw it, asked in the transaction; a
  /// `conflict` when not.
  using Expected = std::function<bool(Release const& release)>;
  auto promote(ModelName const& model, Version const& version, std::string const& channel,
               Expected const& expected = {}) -> Result<Release>;
  /// No rollout can be made of it any more; devices that run it keep it.
  auto yank(ModelName const& model, Version const& version, std::string const& reason,
            Expected const& expected = {}) -> Result<Release>;

  auto model(ModelName const& model) -> Result<Model>;
  auto models(PageRequest const& page) -> Result<Page<Model>>;
  /// Empty: any. `invalid` for a state that there is not.
  struct DeltaQuery {
    std::optional<ModelName> model = {};
    std::string from = {};
    std::string to = {};
    std::string state = {};
  };
  auto deltas(DeltaQuery const& query, PageRequest const& page) -> Result<Page<Delta>>;
  /// Asks for a delta by hand: one that failed or was rejected is tried anew, one that nobody
  /// needed is made. What is waiting, being made or ready stays so. All deltas of the pair.
  struct DeltaRequest {
    ModelName model;
    Version from;
    Version to;
    std::string format;  // empty: whichever failed, was rejected or dropped; else our own
    std::string by;      // the name of the token
  };
  auto request_delta(DeltaRequest const& request) -> Result<Page<Delta>>;
  auto traffic(ModelName const& model, PageRequest const& page) -> Result<Page<Traffic>>;
  /// Of all models, by the tags of devices.
  auto tag_traffic(PageRequest const& page) -> Result<Page<TagTraffic>>;
  /// What each device did with a release.
  auto attempts(ModelName const& model, Version const& version, PageRequest const& page)
      -> Result<Page<Attempt>>;

  /// After an upload was committed to the store: records it. True when it was not known before.
  auto record_artifact(ArtifactInfo const& info) -> Result<bool>;
  /// Whether a record exists (and therefore the file).
  auto artifact_known(Sha256 const& sha256) -> Result<bool>;

  /// The newest Image documents, exact bytes. `not_found` before the first release.
  auto image_targets() -> Result<std::string>;
  auto image_root() -> Result<std::string>;

 private:
  Core& core_;
};

}  // namespace godwit::server
