#include "proto/trust/director.h"

#include <set>

namespace godwit::proto {

auto sign_director_targets(DeviceId const& device, int64_t version, int64_t expires_s,
                           std::vector<Assigned> const& assigned, SigningKey const& key)
    -> Result<std::string> {
  Targets document;
  document.version = version;
  document.expires_s = expires_s;
  document.device_id = device.str();
  std::set<ModelName> components;
  for (auto const& [path, image, assignment] : assigned) {
    if (!image.release) return invalid(path + ": not a release");
    if (!components.insert(image.release->model).second)
      return invalid(path + ": a second assignment for '" + image.release->model.str() + "'");
    Target target = image;
    target.release.reset();
    target.assignment = assignment;
    document.targets.emplace(path, std::move(target));
  }
  return sign_document(to_json(document), {key});
}

}  // namespace godwit::proto
