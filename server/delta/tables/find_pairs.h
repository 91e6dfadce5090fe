// The one way from two files to what the encoder of deltas is told about them.
#pragma once

#include <string>
#include <vector>

#include "server/delta/delta.h"
#include "server/delta/tables/tensor_table.h"

namespace godwit::delta {

struct FoundPairs {
  std::string kind;  // "tflite", "layout", "guessed", "bytes"
  std::vector<TensorPair> pairs;
};

/// By the files' own tables where both have one of the same kind; else what their bytes look like.
/// Nothing for files that have no weights. `let_go` as in PatchOptions.
auto find_pairs(ByteView old_file, ByteView new_file, std::function<void()> const& let_go = {})
    -> FoundPairs;

/// By layouts of an operator's (tables/readers.h): `invalid` when one does not fit its file.
auto find_pairs_by_layout(ByteView old_file, std::string_view old_layout, ByteView new_file,
                          std::string_view new_layout, std::function<void()> const& let_go = {})
    -> Result<FoundPairs>;

/// Over how many bytes of the old and of the new file the search for like bytes runs: all but the
/// tensors.
struct Searched {
  uint64_t old_bytes = 0;
  uint64_t new_bytes = 0;
};
auto searched_bytes(ByteView old_file, ByteView new_file, FoundPairs const& found) -> Searched;

/// make_patch with these tensors. What was only guessed must pay, and in small files all
/// of them: the smaller of the patches with and without them.
auto make_patch_of(ByteView old_file, ByteView new_file, FoundPairs const& found,
                   PatchOptions options) -> Result<Bytes>;

}  // namespace godwit::delta
