#include "server/service/device_link.h"

#include <algorithm>
#include <iterator>

#include "server/service/core.h"
#include "server/service/uplink.h"

namespace godwit::server {
namespace {

auto handle(Core& core, std::vector<UpMessage> const& messages)
    -> Result<std::vector<DownMessage>> {
  return core.database->transact([&](Tx& tx) -> Result<std::vector<DownMessage>> {
    Uplink uplink(tx, messages, core.now_ms());
    for (auto const& message : messages) {
      TRY(bool const known, uplink.take(message));
      if (!known && messages.size() == 1)
        return denied("device '" + message.device.str() + "' is not enrolled");
    }
    TRY_VOID(uplink.flush());
    return std::move(uplink).answers();
  });
}

}  // namespace

auto DeviceLink::on_hello(DeviceId const& device, proto::Hello const& hello)
    -> Result<std::vector<DownMessage>> {
  return handle(core_, {{device, hello}});
}

auto DeviceLink::on_job_report(DeviceId const& device, proto::JobReport const& report)
    -> Result<std::vector<DownMessage>> {
  return handle(core_, {{device, report}});
}

auto DeviceLink::on_presence(DeviceId const& device, proto::Presence const& presence)
    -> Result<std::vector<DownMessage>> {
  return handle(core_, {{device, presence}});
}

auto DeviceLink::on_batch(std::vector<UpMessage> messages) -> std::vector<DownMessage> {
  if (messages.empty()) return {};
  if (auto all = handle(core_, messages)) return *std::move(all);
  std::vector<DownMessage> answers;
  for (auto& message : messages) {
    auto one = handle(core_, {std::move(message)});
    if (one) std::move(one->begin(), one->end(), std::back_inserter(answers));
  }
  return answers;
}

}  // namespace godwit::server
