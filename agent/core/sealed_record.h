// Records that decide what runs, as only this device can have written them: a line of text that
// people can read, and a line that seals it under a key which the KeyStore locks (docs/agent.md).
#pragma once

#include "agent/core/ports.h"

namespace godwit::agent {

struct SealedRecord {
  std::string text;     // empty: there is none
  bool sealed = false;  // false: of an agent that sealed none yet
};

/// `text` is one line. Durable when it returns; after a power cut the old or the new one is there.
auto put_sealed_record(Files& files, KeyStore& keys, std::string_view name, std::string_view text)
    -> Result<>;
/// `denied`: this device did not write it, or not under this name, or it has no seal although this
/// device has begun to seal them.
auto get_sealed_record(Files const& files, KeyStore& keys, std::string_view name)
    -> Result<SealedRecord>;

}  // namespace godwit::agent
