// Enrolment: this device makes its keys, and a one-time token buys it a certificate. Keys are
// stored before they are shown to anybody, so an enrolment that was cut off is repeated with the
// same ones, which the server takes for the same device.
#pragma once

#include "agent/linux/config.h"
#include "agent/linux/identity.h"

namespace godwit::agent {

/// A certificate request for CN=device, signed with a P-256 key, in PEM.
auto make_request(std::string_view key_pem, DeviceId const& device) -> Result<std::string>;
auto make_device_key() -> Result<std::string>;

/// Makes and stores the identity. `retry`: no token yet, or the server was not reached. `denied`,
/// `conflict`: the server does not want this device or this token.
auto enrol(AgentConfig const& config, Files& identity, int interrupt_fd) -> Result<Endpoints>;

}  // namespace godwit::agent
