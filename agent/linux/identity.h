// Who this device is: the files under state_dir/identity (mode 0600), made at enrolment.
#pragma once

#include "agent/linux/file_store.h"

namespace godwit::agent {

namespace identity_file {
constexpr std::string_view kKey = "device.key";               // P-256, PKCS#8 PEM
constexpr std::string_view kCertificate = "device.crt";       // its certificate, PEM
constexpr std::string_view kDeviceCa = "ca.crt";              // who signed it, PEM
constexpr std::string_view kSealingKey = "seal.key";          // X25519, PKCS#8 PEM
constexpr std::string_view kStorageKey = "storage.key";       // seals models at rest, hexadecimal
constexpr std::string_view kSealsRecords = "records.sealed";  // there: see KeyStore::seals_records
constexpr std::string_view kEndpoints = "endpoints.json";     // written last: there is an identity
}  // namespace identity_file

/// Where the server said that devices reach it.
struct Endpoints {
  DeviceId device;
  std::string device_url;
  std::string mqtt_host;
  uint16_t mqtt_port = 0;
};
auto encode(Endpoints const& endpoints) -> std::string;
/// The stored text, or the server's answer to an enrolment: the same keys.
auto decode_endpoints(std::string_view text) -> Result<Endpoints>;
/// `not_found` before the enrolment.
auto load_endpoints(Files const& files) -> Result<Endpoints>;

/// Under another name first, then renamed: the file is whole or not there.
auto store_whole(Files& files, std::string_view name, std::string_view text) -> Result<>;
auto load_text(Files const& files, std::string_view name) -> Result<std::string>;

}  // namespace godwit::agent
