// parse_model for those who have a heap: the fault as an Error in words.
#include "proto/format/model.h"

namespace godwit::proto {

auto parse_model(ByteView bytes) -> Result<ModelView> {
  ModelView model;
  auto const fault = parse_model(bytes, model);
  if (fault.good()) return model;
  std::string what;
  if (!fault.part.empty())
    what += std::string(fault.part) + " " + std::to_string(fault.index) + ": ";
  if (!fault.subject.empty()) what += std::string(fault.subject) + ": ";
  what += fault.reason;
  return fault.kind == ModelFault::Kind::newer ? invalid(std::move(what))
                                               : corrupt(std::move(what));
}

}  // namespace godwit::proto
