// A model made ready to run on this processor: kernels chosen, weights packed, everything placed in
// memory of the caller's. No heap, no exceptions, no library behind it: firmware links this alone.
#pragma once

#include <string_view>

#include "agent/engine/crew.h"
#include "agent/engine/kernel.h"

namespace godwit::engine {

enum class Status : uint8_t {
  good,
  unknown_path,   // no path of this name was built in
  path_not_here,  // this processor cannot run it
  too_large,      // needs more memory than any model may
  no_golden,      // the model holds no golden outputs
  golden_differs,
};
auto to_string(Status status) -> char const*;

/// The chosen path and those below it, which take what its kernels leave.
struct Choice {
  Status status = Status::good;
  std::span<Path const* const> paths;
};
/// An empty name chooses the fastest that runs here.
auto choose_path(std::string_view name) -> Choice;

/// What the caller must supply. Each region begins at a multiple of kMemoryAlignment.
struct Sizes {
  uint64_t tables_bytes = 0;  // steps and operands
  uint64_t packed_bytes = 0;  // written once, when the program is made
  uint64_t state_bytes = 0;   // what recurrent layers remember from one run to the next
  uint64_t work_bytes = 0;    // arena and scratch

  auto total() const -> uint64_t { return tables_bytes + packed_bytes + state_bytes + work_bytes; }
};
struct Measure {
  Status status = Status::good;
  Sizes sizes;
};
auto measure(proto::ModelView const& model, Choice const& choice) -> Measure;

struct Memory {
  uint8_t* tables = nullptr;
  uint8_t* packed = nullptr;
  uint8_t* state = nullptr;
  uint8_t* work = nullptr;
  bool zeros = false;  // the caller says that all of it is

  /// The regions one after another in a block of sizes.total() bytes.
  static auto in(uint8_t* block, Sizes const& sizes) -> Memory;
};

/// Values of a type between the processor's order and little-endian, in which rows are exchanged.
/// Both may be the same memory.
void copy_little_endian(uint8_t* to, uint8_t const* from, size_t size_bytes,
                        proto::TensorType type);

/// Whether the packed region is still to be written, or holds what an earlier program of the same
/// model and choice packed: then it is only read.
enum class Packing : uint8_t { wanted, done };

class Program {
 public:
  Program() = default;
  /// Of a model and a choice that `measure` found good, in memory of the sizes that it gave.
  Program(proto::ModelView const& model, Choice const& choice, Memory const& memory,
          Packing packing = Packing::wanted);

  auto path() const -> char const* { return path_; }
  auto model() const -> proto::ModelView const& { return model_; }
  /// Where the graph's inputs are to be put, and where its outputs are after a run.
  auto input(uint32_t i) const -> Output { return activation(i); }
  auto output(uint32_t i) const -> Output { return activation(model_.output(i)); }
  auto state() const -> std::span<uint8_t> { return {memory_.state, model_.state_bytes()}; }
  auto steps() const -> std::span<Step const> { return steps_; }

  void run() const;
  /// The same on several threads. `memory` is crew_bytes(size), at a multiple of kMemoryAlignment.
  void run(Crew const& crew, uint8_t* memory) const;
  auto crew_bytes(uint32_t size) const -> uint64_t;
  /// Recurrent layers forget.
  void reset_state() const;
  /// Recurrent layers go on where those of `from` are, if they keep the same: state tensors of the
  /// same types, shapes and quantisation, in the same order. Otherwise nothing changes.
  auto take_state(Program const& from) const -> bool;

 private:
  auto activation(uint32_t tensor) const -> Output;

  proto::ModelView model_;
  Memory memory_;
  char const* path_ = "";
  void* scratch_ = nullptr;
  std::span<Step const> steps_;
  // Of steps that can be cut: scratch memory of a part, and an input that the output lies over.
  uint64_t part_bytes_ = 0;
  uint64_t spare_bytes_ = 0;
};

}  // namespace godwit::engine
