// The certificate request that a device sends with its enrolment token: anything may be in it.
#include "server/service/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
  using namespace godwit;
  static auto const device = *DeviceId::parse("cam-1");
  std::string_view const pem(reinterpret_cast<char const*>(data), size);
  auto const request = server::DeviceCa::parse(pem, device);
  if (!request) return 0;
  CHECK(request->csr);
  // Only for the name that it asks for.
  CHECK(!server::DeviceCa::parse(pem, *DeviceId::parse("cam-2")));
  return 0;
}
