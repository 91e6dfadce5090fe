// Applies the golden patches of every profile that has weights blocks, without the libraries of a
// host: on other processors under qemu, optimised and not (scripts/test cross).
//
//     delta_rows tests/data/golden/delta
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "proto/format/container_index.h"
#include "proto/format/small_digest.h"
#include "tests/golden/delta/golden_pairs.h"

namespace godwit {
namespace {

class Collect final : public proto::ByteSink {
 public:
  explicit Collect(Bytes& out) : out_(out) {}
  auto write(ByteView bytes) -> Result<> override {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return {};
  }

 private:
  Bytes& out_;
};

auto make_new(ByteView old_file, ByteView patch) -> Result<Bytes> {
  Reader reader(patch);
  TRY(auto const header, proto::read_header(reader, {}));
  uint64_t payload_at = header.payloads_at();
  if (payload_at > patch.size()) return corrupt("a patch that is cut off");
  Reader index(patch.subspan(static_cast<size_t>(header.index_at()), header.index_bytes));
  auto const size = proto::decoder_size(header.container.profile);
  size_t const bytes = proto::weights::decoder_bytes(size);
  auto const memory = std::make_unique<std::byte[]>(bytes);
  auto* const decoder = proto::weights::place_decoder(size, {memory.get(), bytes});
  proto::ViewSource old_source(old_file);
  proto::ViewSource patch_source(patch);
  Bytes made;
  Collect sink(made);
  proto::IndexReader entries;
  while (entries.more(header.container)) {
    TRY(auto const entry, entries.next(index, header.container));
    if (entry.block.operation == proto::BlockOperation::copy) {
      TRY_VOID(sink.write(
          old_file.subspan(static_cast<size_t>(entry.block.old_offset), entry.block.new_bytes)));
      continue;
    }
    TRY_VOID(
        decoder->decode({.version = header.container.version,
                         .sections = {.offset = header.bytes, .bytes = header.section_bytes},
                         .payload = {.offset = payload_at, .bytes = entry.payload_bytes},
                         .described = entry.block.operation == proto::BlockOperation::described,
                         .old_offset = entry.block.old_offset,
                         .old_bytes = old_file.size(),
                         .new_bytes = entry.block.new_bytes},
                        old_source, patch_source, sink));
    payload_at += entry.payload_bytes;
  }
  proto::SmallSha256 digest;
  digest.add(made);
  if (digest.finish() != header.container.new_sha256) return corrupt("another hash");
  return made;
}

auto run(std::string const& folder) -> int {
  int failed = 0;
  for (auto const& golden : delta::kGolden) {
    std::ifstream in(folder + "/" + golden.name + ".patch", std::ios::binary);
    Bytes const patch(std::istreambuf_iterator<char>(in), {});
    auto const pair = delta::make_pair_of(golden);
    auto const made = make_new(pair.old_file, patch);
    if (made && *made == pair.new_file) continue;
    std::printf("%s: %s\n", golden.name, made ? "another file" : made.error().what.c_str());
    ++failed;
  }
  std::printf("%zu golden patches, %d failed\n", std::size(delta::kGolden), failed);
  return failed > 0;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  if (argc == 2) return godwit::run(argv[1]);
  std::fputs("usage: delta_rows FOLDER_OF_GOLDEN_PATCHES\n", stderr);
  return 2;
}
