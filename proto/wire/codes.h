// Result codes of attempts (JobReport::code), by the families of docs/device-protocol.md.
#pragma once

#include <cstdint>

namespace godwit::proto::codes {

constexpr uint32_t kNone = 0;
constexpr uint32_t kRequirements = 1101;  // the device is not what the release requires
constexpr uint32_t kMetadata =
    1201;  // Image or Director metadata does not verify, or they disagree
constexpr uint32_t kArtifactSize = 2101;
constexpr uint32_t kArtifactHash = 2102;
constexpr uint32_t kSignature = 2103;
constexpr uint32_t kDecrypt = 2104;
constexpr uint32_t kDeltaBase = 2105;  // wrong base, or the patch does not apply
constexpr uint32_t kPlaintextHash = 2106;
constexpr uint32_t kModelInvalid = 2107;  // the engine refuses the model
constexpr uint32_t kStorage = 3001;       // no space, or a write failed
constexpr uint32_t kMemory = 3101;
constexpr uint32_t kNetwork = 4001;  // download failed after all retries
constexpr uint32_t kInstall = 5001;
constexpr uint32_t kSelfTest = 6001;       // golden outputs differ
constexpr uint32_t kSelfTestCrash = 6002;  // the child died or ran out of time
constexpr uint32_t kGateAccuracy = 6101;
constexpr uint32_t kGatePsi = 6102;
constexpr uint32_t kGateLatency = 6103;
constexpr uint32_t kGateErrors = 6104;
constexpr uint32_t kTrialCrash = 6201;    // attempts of the trial used up by crashes
constexpr uint32_t kTrialTimeout = 6202;  // it did not see enough inferences in its time
constexpr uint32_t kDowngrade = 7101;     // release counter below the device's floor
constexpr uint32_t kCancelled = 7201;
constexpr uint32_t kInternal = 9001;

}  // namespace godwit::proto::codes
