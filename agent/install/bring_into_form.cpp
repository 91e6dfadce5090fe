#include "agent/install/bring_into_form.h"

#include "agent/core/patching.h"

namespace godwit::agent {

auto bring_into_form(ModelFiles& models, ModelSlots const& slots) -> std::vector<BroughtIntoForm> {
  auto names = slots.files();
  for (auto& name : Patching::result_files()) names.push_back(std::move(name));
  std::vector<BroughtIntoForm> brought;
  for (auto& name : names) {
    auto const converted = models.convert(name);
    if (converted && !*converted) continue;
    brought.push_back({std::move(name), converted ? Result<>() : converted.error()});
  }
  // Nobody vouches for what was kept in plain: it is made again.
  for (auto& name : slots.kept_files())
    if (auto dropped = models.drop_other_form(name); !dropped)
      brought.push_back({std::move(name), std::move(dropped)});
  return brought;
}

}  // namespace godwit::agent
