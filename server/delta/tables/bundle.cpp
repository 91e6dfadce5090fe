// Tensors of models that lie in a file as they are, beside others: assets packed into one file, and
// archives that store without compressing.
#include "server/delta/tables/readers.h"

namespace godwit::delta {
namespace {

/// Of TensorFlow Lite's files, four bytes after their beginning.
constexpr std::string_view kIdentifier = "TFL3";
constexpr size_t kIdentifierAt = 4;
constexpr size_t kBeginningsMax = 64;  // what looks like one may be text

}  // namespace

auto read_bundle(ByteView file) -> Result<TensorTable> {
  TableBuilder builder(file);
  auto const text = as_text(file);
  size_t model = 0;
  size_t at = text.find(kIdentifier);
  for (size_t i = 0; i < kBeginningsMax && at != std::string_view::npos;
       ++i, at = text.find(kIdentifier, at + 1)) {
    if (at < kIdentifierAt) continue;
    size_t const begin = at - kIdentifierAt;
    auto found = read_tflite(file.subspan(begin));
    if (!found || found->tensors.empty()) continue;
    ++model;
    for (auto& tensor : found->tensors) {
      auto const prefix = std::to_string(model) + ":";
      tensor.name = (prefix + tensor.name).substr(0, kTableNameBytesMax);
      tensor.offset += begin;
      if (tensor.scales) tensor.scales->offset += begin;
      TRY_VOID(builder.add(std::move(tensor)));
    }
  }
  return std::move(builder).finish("bundle");
}

}  // namespace godwit::delta
