// Small named records that are replaced as a whole: after a power cut either the old or the new one
// is there (write aside, sync, rename, sync the folder).
#pragma once

#include "agent/core/ports.h"

namespace godwit::agent {

constexpr size_t kRecordBytesMax = 8u << 20;

/// Durable when it returns.
auto put_record(Files& files, std::string_view name, ByteView bytes) -> Result<>;
/// `not_found` when there is none; `corrupt` past kRecordBytesMax.
auto get_record(Files const& files, std::string_view name) -> Result<Bytes>;
/// As text; empty when there is none.
auto get_text_or_empty(Files const& files, std::string_view name) -> Result<std::string>;

}  // namespace godwit::agent
