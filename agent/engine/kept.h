// What packing made of a model, kept in a file so that the next load packs nothing: a head that
// says of what, on which paths and by which engine it was made, then the packed bytes
// (docs/engine.md, "Kept").
#pragma once

#include "agent/engine/program.h"
#include "proto/base/bytes.h"

namespace godwit::engine {

/// The packed bytes begin at a multiple of kMemoryAlignment.
constexpr size_t kKeptHeadBytes = 256;

/// Names this build of the engine: another one may pack in another way.
extern char const* const kBuildName;

/// What the head begins with: the form, the model with that hash, the paths that run here, this
/// build. At its end stands the hash of the packed bytes.
auto kept_head(Sha256 const& model, Choice const& choice) -> Bytes;
/// The packed bytes, if `kept` was made of this model, on these paths, by this build, and has that
/// many of them; otherwise none. They are not looked at.
auto packed_in(ByteView kept, Sha256 const& model, Choice const& choice, uint64_t packed_bytes)
    -> ByteView;

}  // namespace godwit::engine
