// Devices and their attempts as tables.
#pragma once

#include <cstdint>
#include <string>

#include "cli/core/output.h"
#include "proto/json/json.h"

namespace godwit::cli {

auto devices_table(Json const& devices, int64_t now_s) -> Table;
auto device_table(Json const& device, int64_t now_s) -> Table;

/// The attempts of one device: by number, with their models.
auto device_attempts_table(Json const& attempts, int64_t now_s) -> Table;
/// The attempts of one rollout: by device.
auto rollout_attempts_table(Json const& attempts) -> Table;

/// "1.0.0 -> 1.1.0", or the version alone where there was none before.
auto version_move(Json const& attempt) -> std::string;
/// "86.35 % of 249, p99 1.9 ms, PSI 0.02", or the reason of the failure; "-" before any report.
auto health_text(Json const& attempt) -> std::string;

}  // namespace godwit::cli
