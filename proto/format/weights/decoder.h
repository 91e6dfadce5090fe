// Decodes `weights` blocks within memory of the caller: no allocation, no state from one block to
// the next but factors, which are the same however one comes to them.
#pragma once

#include "proto/format/byte_source.h"

namespace godwit::proto::weights {

/// A part of the patch.
struct Range {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct BlockTask {
  uint16_t version = 0;     // of the patch: which constants its coders begin with
  Range sections;           // all sections of the patch
  Range payload;            // of this block
  bool described = false;   // its segments' descriptions come first, coded
  uint64_t old_offset = 0;  // as its index entry says
  uint64_t old_bytes = 0;   // of the old file
  uint32_t new_bytes = 0;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Sends exactly `task.new_bytes` to `sink`, or fails: `corrupt` on any doubt.
  virtual auto decode(BlockTask const& task, ByteSource& old_file, ByteSource& patch,
                      ByteSink& sink) -> Result<> = 0;
};

/// `fast` knows tabled segments only, `small` none, `large` both kinds.
enum class Size : uint8_t { small, fast, large };
/// The memory that a decoder lives in.
auto decoder_bytes(Size size) -> size_t;
/// A decoder in `memory`, which is aligned to 8 and holds decoder_bytes; it need not be destroyed.
auto place_decoder(Size size, std::span<std::byte> memory) -> Decoder*;

}  // namespace godwit::proto::weights
