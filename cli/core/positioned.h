// Reading and writing at places of open files, and replacing small ones: what PartFile and
// InPlaceFile share.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "proto/base/bytes.h"

namespace godwit::cli {

/// False with errno.
auto write_at(int file, uint64_t offset, ByteView bytes) -> bool;
/// `not_found` when it ends before.
auto read_at(int file, std::string const& name, uint64_t offset, std::span<uint8_t> out)
    -> Result<>;
/// Whichever of both contents a power cut leaves, it is whole; the new one is durable once the
/// folder is synced.
auto replace_file(std::string const& path, ByteView bytes, mode_t mode) -> Result<>;
auto folder_of(std::string const& path) -> std::string;

}  // namespace godwit::cli
