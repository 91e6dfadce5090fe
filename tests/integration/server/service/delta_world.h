// Releases that differ little, and what devices that run them are offered.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "proto/format/container.h"
#include "proto/format/patch.h"
#include "server/storage/artifacts.h"
#include "tests/integration/server/service/world.h"

namespace godwit::test {

/// A release that differs little from noise(40'000, 1), each number in its own way.
inline auto release_bytes(int number) -> Bytes {
  auto bytes = noise(40'000, 1);
  bytes[1000 + 100 * static_cast<size_t>(number)] ^= 0xff;
  return bytes;
}

/// One of tests/data/models.
inline auto model_file(std::string const& file) -> Bytes {
  std::ifstream stream(std::string(GODWIT_TEST_DATA) + "/models/" + file, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(stream), {});
}

class DeltaTest : public ::testing::Test {
 protected:
  void publish(int number, std::optional<int> parent = std::nullopt) {
    ReleaseOptions options{.parent = {}, .requires_ = {}};
    if (parent) options.parent = name(*parent);
    world.publish(name(number), release_bytes(number), options);
  }
  static auto name(int number) -> std::string { return "1." + std::to_string(number) + ".0"; }

  void roll_out(int number) {
    ASSERT_TRUE(world.service().rollouts().create(rollout_of(name(number))));
    world.tick();
    world.make_deltas();
    world.tick();
  }
  auto deltas() -> std::vector<Delta> {
    return world.service().releases().deltas({.model = ic()}, {.limit = 100, .cursor = ""})->items;
  }
  auto delta(int from, int to, std::string_view format) -> std::optional<Delta> {
    for (auto const& one : deltas())
      if (one.from == name(from) && one.to == name(to) && one.format == format) return one;
    return std::nullopt;
  }
  /// What the Director assigns now; without one the test fails.
  auto assigned(SimDevice& device) -> proto::Assignment {
    auto const text = world.service().director().targets(device.id());
    EXPECT_TRUE(text) << text.error().what;
    proto::TrustedState state{*world.service().director().director_root(1), ""};
    auto const targets =
        proto::advance_targets(state, *text, world.clock.now_ms() / 1000, &device.id());
    EXPECT_TRUE(targets) << targets.error().what;
    EXPECT_FALSE(targets->targets.empty());
    if (targets->targets.empty()) return {};
    return *targets->targets.begin()->second.assignment;
  }
  /// The format of the delta that the Director offers; "chain" for one, empty: none.
  auto offered(SimDevice& device) -> std::string {
    auto const assignment = assigned(device);
    if (!assignment.chain.empty()) return "chain";
    return assignment.delta ? assignment.delta->format : "";
  }
  /// What an agent makes of the offered steps, from that plaintext.
  auto apply(SimDevice& the_device, std::vector<proto::DeltaOffer> const& steps, Bytes plain)
      -> Bytes {
    for (auto const& step : steps) {
      EXPECT_EQ(proto::sha256(plain), step.base_plain_sha256);
      auto const sealed = world.service().artifacts().read(step.sha256, 1 << 24);
      auto const key = world.device_sealing.unwrap(step.key, the_device.id().str(), step.sha256);
      EXPECT_TRUE(sealed && key);
      auto const aad = proto::delta_aad(step.format, step.base_plain_sha256, *step.plain_sha256);
      auto const patch = proto::unseal(*key, aad, *sealed);
      EXPECT_TRUE(patch);
      auto made = proto::apply_patch(plain, *patch, {});
      EXPECT_TRUE(made);
      EXPECT_EQ(proto::sha256(*made), *step.plain_sha256);
      plain = *std::move(made);
    }
    return plain;
  }
  auto file_exists(Sha256 const& sha256) -> bool {
    return world.service().artifacts().contains(sha256);
  }
  World world;
};

}  // namespace godwit::test
