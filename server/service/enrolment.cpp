#include "server/service/enrolment.h"

#include <charconv>

#include "server/service/core.h"
#include "server/service/tokens.h"
#include "server/storage/certificates.h"
#include "server/storage/devices.h"
#include "server/storage/tokens.h"

namespace godwit::server {
namespace {

constexpr int64_t kExpiresMax_s = 366 * 86400LL;
constexpr uint32_t kUsesMax = 1'000'000;
// Enough for a device that loses power between question and answer, and no work for one gone mad.
constexpr int kRenewalsMax = 5;
constexpr int64_t kRenewalWindow_ms = 86400'000;

auto parse_id(std::string const& text) -> std::optional<int64_t> {
  int64_t id = 0;
  auto const parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return id;
}

auto shown(store::EnrolmentRow const& row) -> EnrolmentToken {
  return {std::to_string(row.id), "", row.note, row.uses_left, row.expires_at_ms};
}

/// The same device again (it lost our answer), or a stranger who wants its name.
auto enrol_again(Tx& tx, store::Identity const& known, store::NewDevice const& device) -> Result<> {
  if (known.revoked) return conflict("device '" + device.id + "' was revoked; its id stays taken");
  if (known.public_key_sha256 != device.public_key_sha256)
    return conflict("device '" + device.id + "' is enrolled with another key");
  store::renew_device(tx, device);
  return {};
}

}  // namespace

auto Enrolment::create_token(uint32_t uses, int64_t expires_in_s, std::string const& note)
    -> Result<EnrolmentToken> {
  if (uses == 0 || uses > kUsesMax) return invalid("'uses' is between 1 and 1000000");
  if (expires_in_s <= 0 || expires_in_s > kExpiresMax_s)
    return invalid("'expires_in_s' is between 1 and 366 days");
  if (note.size() > 1024) return invalid("'note' is too long");
  auto const now = core_.now_ms();
  store::EnrolmentRow row{0, note, uses, now + expires_in_s * 1000};
  auto const token = random_token("gwe_");
  TRY(row.id, core_.database->transact([&](Tx& tx) -> Result<int64_t> {
    return store::insert_enrolment_token(tx, row, proto::sha256(as_bytes(token)), now);
  }));
  auto created = shown(row);
  created.token = token;
  return created;
}

auto Enrolment::tokens(PageRequest const& page) -> Result<Page<EnrolmentToken>> {
  return core_.database->transact([&](Tx& tx) -> Result<Page<EnrolmentToken>> {
    TRY(auto const rows, store::list_enrolment_tokens(tx, page));
    Page<EnrolmentToken> result{{}, rows.next};
    for (auto const& row : rows.items) result.items.push_back(shown(row));
    return result;
  });
}

auto Enrolment::delete_token(std::string const& id) -> Result<> {
  auto const number = parse_id(id);
  return core_.database->transact([&](Tx& tx) -> Result<> {
    if (!number || !store::delete_enrolment_token(tx, *number))
      return not_found("no enrolment token " + id.substr(0, 64));
    return {};
  });
}

auto Enrolment::enrol(EnrolRequest const& request) -> Result<Enrolled> {
  if (request.sealing_key.size() != 32) return invalid("'sealing_key' is not 32 bytes");
  if (request.hardware_id.size() > 64) return invalid("'hardware_id' is too long");
  TRY_VOID(check_attributes(request.attributes));
  TRY(auto const csr, DeviceCa::parse(request.csr, request.device));
  auto attributes = Json::object();
  for (auto const& [key, value] : request.attributes) attributes.set(key, value);
  store::NewDevice const device{request.device.str(), request.hardware_id, attributes.dump(),
                                csr.public_key_sha256, request.sealing_key};
  auto const hash = proto::sha256(as_bytes(request.token));
  auto const now = core_.now_ms();
  TRY_VOID(core_.database->transact([&](Tx& tx) -> Result<> {
    // Who holds no valid token learns nothing about ids.
    if (!store::enrolment_token_valid(tx, hash, now))
      return denied("the enrolment token is not valid or expired");
    if (auto const known = store::find_identity(tx, device.id))
      return enrol_again(tx, *known, device);
    if (!store::use_enrolment_token(tx, hash, now)) return denied("the enrolment token is used up");
    if (!store::insert_device(tx, device, now))
      return conflict("device '" + device.id + "' is enrolling at this moment");
    return {};
  }));
  return issue(request.device, csr);
}

auto Enrolment::renew(DeviceId const& device, std::string const& csr_pem) -> Result<Enrolled> {
  TRY(auto const csr, DeviceCa::parse(csr_pem, device));
  TRY_VOID(core_.database->transact([&](Tx& tx) -> Result<> {
    auto const known = store::find_identity(tx, device.str());
    if (!known || known->revoked) return denied("device '" + device.str() + "' is not enrolled");
    if (known->public_key_sha256 != csr.public_key_sha256)
      return conflict("device '" + device.str() + "' is enrolled with another key");
    if (store::take_renewal(tx, device.str(), kRenewalsMax, kRenewalWindow_ms, core_.now_ms()))
      return {};
    return retry("device '" + device.str() + "' has had its renewals of a day");
  }));
  return issue(device, csr);
}

auto Enrolment::issue(DeviceId const& device, DeviceCa::Request const& csr) -> Result<Enrolled> {
  auto const now = core_.now_ms();
  auto const days = core_.config.certificate_days;
  TRY(auto certificate, core_.device_ca.issue(csr, device, now, days));
  auto const until_ms = (now / 1000 + days * 86400) * 1000;
  TRY_VOID(core_.database->transact([&](Tx& tx) -> Result<> {
    store::note_certificate(tx, device.str(), until_ms);
    return {};
  }));
  return Enrolled{device.str(), std::move(certificate), core_.device_ca.certificate_pem(),
                  until_ms};
}

}  // namespace godwit::server
