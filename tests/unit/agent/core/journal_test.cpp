// The journal comes back as it was written, and anything else is refused rather than guessed at.
#include "agent/core/journal.h"

#include <gtest/gtest.h>

namespace godwit::agent {
namespace {

auto in_trial() -> Journal {
  Journal journal;
  journal.phase = Phase::trial;
  journal.report.attempt = 12;
  journal.report.rev = 3;
  journal.report.state = proto::AttemptState::trial;
  journal.report.transport = "delta";
  journal.report.bytes_received = 4711;
  journal.reached = proto::AttemptState::trial;
  journal.component = "ic";
  journal.path = "models/ic/1.1.0.floe";
  proto::ReleaseInfo release{*ModelName::parse("ic"), *Version::parse("1.1.0")};
  release.plain_length = 5;
  release.release_counter = 2;
  release.gate = {249, 5.0, 0.25, 20'000, 0.01};
  release.requires_.hardware_ids = {"cam-v2"};
  proto::Target target;
  target.length = 99;
  target.release = release;
  journal.release = target;
  journal.artifact = Sha256();
  journal.bytes_before = 17;
  journal.delta_refused = true;
  journal.moves = 6;
  journal.finished = {{"ic", 11}, {"vww", 4}};
  return journal;
}

TEST(Journal, ComesBackAsItWasWritten) {
  auto const written = in_trial();
  auto const read = decode_journal(encode(written));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(encode(*read), encode(written));
  EXPECT_EQ(read->phase, Phase::trial);
  EXPECT_EQ(image_of(*read).version.str(), "1.1.0");
  EXPECT_EQ(image_of(*read).release_counter, 2u);
  EXPECT_EQ(read->release->release->gate.soak_inferences, 249u);
  EXPECT_EQ(*read->release->release->gate.psi_max, 0.25);
  EXPECT_EQ(read->finished, written.finished);
}

TEST(Journal, OfADeviceWithoutAnyAttempt) {
  auto const read = decode_journal(encode(Journal{}));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->phase, Phase::idle);
  EXPECT_EQ(read->report.attempt, 0u);
}

TEST(Journal, EveryShortenedOneIsRefused) {
  auto const text = encode(in_trial());
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(decode_journal(text.substr(0, length)));
}

TEST(Journal, OneThatDoesNotFitItselfIsRefused) {
  auto journal = in_trial();
  journal.release.reset();
  EXPECT_FALSE(decode_journal(encode(journal)));
  journal = in_trial();
  journal.report.attempt = 0;
  EXPECT_FALSE(decode_journal(encode(journal)));
  journal = in_trial();
  journal.component = "No Name";
  EXPECT_FALSE(decode_journal(encode(journal)));
  auto text = encode(in_trial());
  text.replace(text.find("\"trial\""), 7, "\"trail\"");
  EXPECT_FALSE(decode_journal(text));
}

}  // namespace
}  // namespace godwit::agent
