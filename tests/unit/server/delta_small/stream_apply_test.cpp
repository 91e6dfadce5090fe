// The applier for small devices: one block of 192 KiB for all state and the stack, no allocator,
// and a journal that lets it go on at any block.
#include "proto/format/stream_apply.h"

#include <gtest/gtest.h>
#include <ucontext.h>

#include <random>

#include "proto/format/small_digest.h"
#include "proto/trust/digest.h"
#include "server/delta/delta.h"
#include "tests/unit/server/delta_small/forbidden_allocator.h"

namespace godwit::delta {
namespace {

using proto::StreamApplier;
using test::allocator_is_forbidden;

class CountingSink final : public proto::ByteSink {
 public:
  explicit CountingSink(std::span<uint8_t> out) : out_(out) {}
  auto write(ByteView bytes) -> Result<> override {
    if (bytes.size() > out_.size() - at_) return corrupt("too much");
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<ptrdiff_t>(at_));
    at_ += bytes.size();
    return {};
  }
  void go_to(uint64_t offset) { at_ = static_cast<size_t>(offset); }
  auto at() const -> uint64_t { return at_; }

 private:
  std::span<uint8_t> out_;
  size_t at_ = 0;
};

/// 2,048 and 8,192 columns, moved along two directions; a gap; biases.
struct Pair {
  Bytes old_file;
  Bytes new_file;
  std::vector<TensorPair> tensors;

  Pair() {
    std::mt19937 random(31);
    std::normal_distribution<double> normal;
    for (auto const& [rows, cols] : {std::pair{300u, 2048u}, std::pair{20u, 8192u}}) {
      TensorSpan const span{.name = "w", .offset = old_file.size(), .rows = rows, .cols = cols};
      tensors.push_back({.to = span, .from = span});
      std::vector<double> across(cols);
      for (double& v : across) v = normal(random) * 3;
      for (uint32_t i = 0; i < rows; ++i) {
        double const along = normal(random);
        for (uint32_t j = 0; j < cols; ++j) {
          auto const code = static_cast<int32_t>(std::clamp(normal(random) * 25, -100.0, 100.0));
          old_file.push_back(static_cast<uint8_t>(code));
          new_file.push_back(static_cast<uint8_t>(
              std::lround(std::clamp(code + along * across[j] + normal(random), -120.0, 120.0))));
        }
      }
      for (int i = 0; i < 500; ++i) {
        old_file.push_back(static_cast<uint8_t>(random()));
        new_file.push_back(i % 7 ? old_file.back() : static_cast<uint8_t>(random()));
      }
    }
    TensorSpan const bias{
        .name = "b", .type = ElementType::int32, .offset = old_file.size(), .rows = 1, .cols = 300};
    tensors.push_back({.to = bias, .from = bias});
    for (int i = 0; i < 1200; ++i) {
      old_file.push_back(static_cast<uint8_t>(i % 4 < 2 ? random() : 0));
      new_file.push_back(static_cast<uint8_t>(i % 4 ? old_file.back() : random()));
    }
  }
  auto patch(proto::Profile profile) const -> Bytes {
    auto made =
        make_patch(old_file, new_file, PatchOptions{.profile = profile, .tensors = tensors});
    EXPECT_TRUE(made) << made.error().what;
    return made ? *std::move(made) : Bytes();
  }
};

/// The block of 192 KiB: stack below, applier above, painted to see how deep the stack went.
struct Block192 {
  alignas(16) std::array<std::byte, proto::kStreamStackBytes> stack;
  alignas(16) std::array<std::byte, proto::kStreamBytes> memory;
};
static_assert(sizeof(Block192) == 192u << 10);

struct Job {
  Pair const* pair;
  ByteView patch;
  std::span<uint8_t> out;
  Block192* block;
  bool good = false;
};
Job* job = nullptr;
ucontext_t caller;

class StreamApply : public testing::TestWithParam<proto::Profile> {};
INSTANTIATE_TEST_SUITE_P(Profiles, StreamApply,
                         testing::Values(proto::Profile::weights_small,
                                         proto::Profile::weights_fast),
                         [](auto const& profile) {
                           return profile.param == proto::Profile::weights_small ? "Small" : "Fast";
                         });

void apply_all() {
  StreamApplier& applier = *StreamApplier::place(job->block->memory);
  proto::ViewSource old_file(job->pair->old_file);
  proto::ViewSource patch(job->patch);
  CountingSink sink(job->out);
  bool good = static_cast<bool>(applier.open(patch, job->patch.size(), {})) &&
              static_cast<bool>(applier.check_old(old_file, job->pair->old_file.size()));
  while (good && applier.next_block() < applier.block_count())
    good = static_cast<bool>(applier.make_next(old_file, sink));
  job->good = good && sink.at() == applier.header().new_bytes;
}
[[maybe_unused]] void apply_and_return() {
  apply_all();
  setcontext(&caller);
}

TEST_P(StreamApply, KeepsAllStateInOneBlockOf192KiBWithoutTheAllocator) {
  Pair const pair;
  auto const patch = pair.patch(GetParam());
  auto const container = proto::parse_container(patch, {});
  ASSERT_TRUE(container);
  ASSERT_FALSE(container->sections.empty()) << "no factors: the arena is not put to the test";
  Bytes out(pair.new_file.size());
  auto block = std::make_unique<Block192>();
  block->stack.fill(std::byte{0xa5});
  Job this_job{.pair = &pair, .patch = patch, .out = out, .block = block.get()};
  job = &this_job;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  apply_all();  // sanitizers keep stacks of their own size
#else
  allocator_is_forbidden = true;
  ucontext_t inner;
  getcontext(&inner);
  inner.uc_stack.ss_sp = block->stack.data();
  inner.uc_stack.ss_size = block->stack.size();
  inner.uc_link = nullptr;
  makecontext(&inner, apply_and_return, 0);
  bool volatile back = false;
  getcontext(&caller);
  if (!back) {
    back = true;
    setcontext(&inner);
  }
  allocator_is_forbidden = false;
  size_t untouched = 0;
  while (untouched < block->stack.size() && block->stack[untouched] == std::byte{0xa5}) ++untouched;
  EXPECT_GT(untouched, 512u) << "the guard below the stack was reached";
#endif
  EXPECT_TRUE(this_job.good);
  EXPECT_TRUE(out == pair.new_file);
}

TEST_P(StreamApply, GoesOnAtEveryBlock) {
  Pair const pair;
  auto const patch = pair.patch(GetParam());
  proto::ViewSource old_file(pair.old_file);
  proto::ViewSource source(patch);
  auto block = std::make_unique<Block192>();
  uint32_t const blocks = static_cast<uint32_t>(proto::parse_container(patch, {})->blocks.size());
  ASSERT_GE(blocks, 3u);
  for (uint32_t cut = 0; cut <= blocks; ++cut) {
    Bytes out(pair.new_file.size());
    CountingSink sink(out);
    for (uint32_t from : {0u, cut}) {  // a device that stops at `cut`, and starts again there
      StreamApplier& applier = *StreamApplier::place(block->memory);
      ASSERT_TRUE(applier.open(source, patch.size(), {}));
      ASSERT_TRUE(applier.skip_to(from));
      sink.go_to(applier.new_offset());
      uint32_t const to = from == cut ? blocks : cut;
      while (applier.next_block() < to) ASSERT_TRUE(applier.make_next(old_file, sink));
    }
    EXPECT_TRUE(out == pair.new_file) << cut;
  }
}

TEST_P(StreamApply, RefusesWhatDoesNotHold) {
  Pair const pair;
  auto const patch = pair.patch(GetParam());
  auto block = std::make_unique<Block192>();
  StreamApplier& applier = *StreamApplier::place(block->memory);
  for (size_t const bytes : {size_t{0}, size_t{50}, size_t{104}, size_t{400}, patch.size() - 1}) {
    proto::ViewSource source(ByteView(patch).first(bytes));
    EXPECT_FALSE(applier.open(source, bytes, {})) << bytes;
  }
  proto::ViewSource source(patch);
  ASSERT_TRUE(applier.open(source, patch.size(), {}));
  auto other = pair.old_file;
  other[17] ^= 1;
  proto::ViewSource other_source(other);
  auto const checked = applier.check_old(other_source, other.size());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::conflict);
  Bytes out(pair.new_file.size());
  CountingSink sink(out);
  auto const made = applier.make_next(other_source, sink);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::corrupt);

  auto const large =
      make_patch(pair.old_file, pair.new_file, proto::PatchFormat::godwit, pair.tensors);
  ASSERT_TRUE(large);
  proto::ViewSource large_source(*large);
  EXPECT_FALSE(applier.open(large_source, large->size(), {}));
}

TEST(SmallSha256, IsWhatTheLibraryComputes) {
  Bytes bytes;
  for (int i = 0; i < 300; ++i) {
    proto::SmallSha256 digest;
    digest.add(ByteView(bytes).first(bytes.size() / 3));
    digest.add(ByteView(bytes).subspan(bytes.size() / 3));
    EXPECT_EQ(digest.finish(), proto::sha256(bytes)) << i;
    bytes.push_back(static_cast<uint8_t>(i * 7));
  }
}

}  // namespace
}  // namespace godwit::delta
