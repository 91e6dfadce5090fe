// The filter language: the subset of FIQL/RSQL that hawkBit's operators know (docs/server.md).
// Parsed once into a tree; storage turns the tree into SQL, tests compare that with matches().
#pragma once

#include <memory>
#include <variant>

#include "server/domain/entities.h"

namespace godwit::server {

enum class FilterOp : uint8_t { eq, ne, lt, le, gt, ge, in, out };

struct Comparison {
  enum class Field : uint8_t {
    id,
    hardware_id,
    arch,
    engine_version,
    ram_bytes,
    flash_bytes,
    online,
    tag,
    attribute,  // attribute.<key>
    component,  // component.<model>: the version it runs
  };
  Field field = Field::id;
  std::string key;  // of attribute and component
  FilterOp op = FilterOp::eq;
  std::vector<std::string> values;  // one, except for in and out; text may hold the wildcard *
};

struct FilterNode {
  struct All {
    std::vector<FilterNode> parts;
  };
  struct Any {
    std::vector<FilterNode> parts;
  };
  std::variant<All, Any, Comparison> node;  // All of nothing: everything matches
};

/// "tag==canary;(arch==aarch64,ram_bytes=ge=1048576)". Empty text: everything. `invalid` with the
/// position.
auto parse_filter(std::string_view text) -> Result<FilterNode>;

auto matches(FilterNode const& filter, Device const& device) -> bool;

constexpr auto is_numeric(Comparison::Field field) -> bool {
  return field == Comparison::Field::engine_version || field == Comparison::Field::ram_bytes ||
         field == Comparison::Field::flash_bytes;
}

}  // namespace godwit::server
