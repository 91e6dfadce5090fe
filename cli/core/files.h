// Files of the command line: read whole up to a bound, written whole or not at all.
#pragma once

#include <string>

#include "proto/base/bytes.h"

namespace godwit::cli {

/// `invalid` when the file is larger than `bytes_max`.
auto read_file(std::string const& path, uint64_t bytes_max) -> Result<Bytes>;

/// A text that only its owner may read; `denied` when others may.
auto read_secret(std::string const& path) -> Result<std::string>;

/// Writes a temporary file beside `path`, syncs it and renames it: nobody ever sees half of it, and
/// an error leaves what was there before. `mode` as chmod takes it, less the umask.
auto write_file(std::string const& path, ByteView bytes, unsigned mode = 0666) -> Result<>;
/// Names made or changed in a folder outlast a power cut once the folder is synced.
auto sync_folder(std::string const& path) -> Result<>;

}  // namespace godwit::cli
