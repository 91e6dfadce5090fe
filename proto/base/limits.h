// A bound on everything that comes from outside. Past a limit the answer is an error, never growth.
#pragma once

#include <cstddef>
#include <cstdint>

namespace godwit::limits {

constexpr size_t kJsonDepthMax = 32;
constexpr size_t kMetadataBytesMax = 4u << 20;        // targets.json of a repository
constexpr size_t kRootBytesMax = 64u << 10;           // root.json
constexpr size_t kDeviceMessageBytesMax = 64u << 10;  // any MQTT payload
constexpr size_t kRequestBodyBytesMax = 1u << 20;     // JSON bodies of the REST interface
constexpr uint64_t kArtifactBytesMax = 1ull << 30;
constexpr uint64_t kModelBytesMax = 256ull << 20;  // a compiled model
constexpr size_t kPageItemsMax = 500;
constexpr size_t kPageItemsDefault = 50;
constexpr int kTransitionsPerAttemptMax = 64;  // a device that loops is stopped

}  // namespace godwit::limits
