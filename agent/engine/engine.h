// The int8 inference engine, for C++ callers: load a compiled model, run rows through it.
// TFLite int8 semantics, bit-exact with TFLite Micro's reference kernels (double rounding).
// Loading validates the model completely (it is untrusted); running allocates nothing and cannot
// fail.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/engine/crew.h"
#include "proto/base/bytes.h"

namespace godwit::engine {

/// The highest compiled-model format version that this engine runs: DeviceFacts::engine_version.
constexpr uint32_t kEngineVersion = 5;

struct TensorInfo {
  std::string name;
  std::string type;  // "int8", "uint8", "int16", "int32"
  std::vector<uint32_t> shape;
  float scale = 0;
  int32_t zero_point = 0;
  size_t size_bytes = 0;
};

struct EngineOptions {
  /// The instruction set to use: one of path_names(); empty chooses the fastest that runs here.
  std::string_view path{};
  /// Takes zeros at a multiple of 64 that free themselves; nullptr: there is no memory left. The
  /// heap unless said otherwise: it holds weights and activations.
  std::function<std::shared_ptr<uint8_t>(size_t size_bytes)> take_memory{};
  /// What `keep` gave of an engine of this model: borrowed, and used in place of packing if it was
  /// made by this build on these paths. It must be what was written (check_kept, or a seal): it
  /// holds places and counts that nobody checks again.
  ByteView kept{};
  /// Of the signed bytes; only where `kept` is used or wanted.
  Sha256 model_sha256{};
  /// Threads on which large layers run, which outlive the engine; none but the caller's: size 1.
  Crew crew{};
};

/// Every path that this build has, the fastest first: "portable" is the last.
auto path_names() -> std::vector<std::string>;

/// What every `load` with these options would say of them.
auto check_options(EngineOptions const& options) -> Result<>;

class Engine {
 public:
  /// Borrows `model`, which must outlive the engine. `corrupt` with the reason for anything
  /// malformed; `invalid` for a path that does not exist or does not run here.
  static auto load(ByteView model, EngineOptions const& options = {}) -> Result<Engine>;
  ~Engine();
  Engine(Engine&&) noexcept;
  auto operator=(Engine&&) noexcept -> Engine&;

  auto inputs() const -> std::vector<TensorInfo> const&;
  auto outputs() const -> std::vector<TensorInfo> const&;
  auto input_bytes() const -> size_t;  // all inputs of one row, one after another
  auto output_bytes() const -> size_t;
  auto arena_bytes() const -> size_t;
  auto state_bytes() const -> size_t;
  auto memory_bytes() const -> size_t;  // all that was allocated, beside the model
  /// Parts of the model that were packed, and that nothing reads from now on: who owns them may use
  /// their memory for something else.
  auto unread() const -> std::vector<ByteView>;
  /// What was packed, and what a file of it begins with, but for its hash.
  auto packed() const -> ByteView;
  auto kept_head() const -> Bytes;
  /// Whether EngineOptions::kept was used: nothing was packed.
  auto kept() const -> bool;
  /// The path that was chosen. Steps that its kernels leave run on the paths below it.
  auto path() const -> std::string_view;
  /// One row: exactly input_bytes() in, output_bytes() out.
  void run(ByteView input, std::span<uint8_t> output);
  /// What recurrent layers remember: forget it, read it, or bring back what was read from an
  /// engine of the same model (exactly state_bytes()).
  void reset_state();
  auto state() const -> ByteView;
  void restore_state(ByteView state);
  /// Goes on where `from`, the engine of another release, is, if both keep the same: state tensors
  /// of the same types, shapes and quantisation. Otherwise nothing changes, and it returns false.
  auto take_state(Engine const& from) -> bool;

 private:
  friend auto golden_hash(Engine& engine, uint64_t seed, uint32_t rows) -> Sha256;
  friend auto check_golden(ByteView model, EngineOptions const& options) -> Result<>;
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A file for EngineOptions::kept, in two parts.
struct Kept {
  Bytes head;
  ByteView packed;
};
auto keep(Engine const& engine) -> Kept;
/// `corrupt` when such a file is not what was written.
auto check_kept(ByteView kept) -> Result<>;

/// SHA-256 of all outputs of `rows` golden inputs of a seed (golden.h).
auto golden_hash(Engine& engine, uint64_t seed, uint32_t rows) -> Sha256;

/// Runs the model's own golden inputs (made from the seed it holds) and compares the SHA-256 of all
/// outputs with the one it holds. `corrupt` when they differ or the model holds none.
auto check_golden(ByteView model, EngineOptions const& options = {}) -> Result<>;

/// Index of the greatest value of a row of the first output, the lowest index on ties; dequantised
/// order.
auto argmax(Engine const& engine, ByteView output) -> uint32_t;

}  // namespace godwit::engine
