// A compiled model as the base of new weights: its constants as a graph that the requantiser reads,
// and the same model with other codes. Nothing else of it changes, so that nothing else travels.
#pragma once

#include "compiler/compile.h"
#include "compiler/requantise/means.h"
#include "compiler/requantise/requantise.h"
#include "proto/format/model_write.h"

namespace godwit::compiler {

class CompiledBase {
 public:
  /// `corrupt` for what is no model, `invalid` for operators whose parameters cannot be followed.
  static auto read(ByteView model) -> Result<CompiledBase>;

  /// Its tensors, and of its operators those that have parameters.
  auto graph() const -> TfliteModel const& { return graph_; }
  /// The model with these codes and scales, its multipliers and golden outputs made anew.
  auto with(Requantised const& made, Sha256 const& source) const -> Result<Compiled>;
  /// As measure_means, of the model with these codes.
  auto measure(Requantised const& made, std::vector<MeanRequest> const& requests,
               ByteView rows) const -> Result<Means>;

 private:
  auto add_operator(proto::OperatorSpec const& op) -> Result<>;
  auto changed(Requantised const& made) const -> proto::ModelSpec;

  proto::ModelSpec spec_;
  TfliteModel graph_;  // borrows from `spec_`, whose constants stay where they are when it is moved
};

}  // namespace godwit::compiler
